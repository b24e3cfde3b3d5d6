//! Parser of the script, and the state of each GPU.

use std::collections::BTreeMap;

/// The value or error that a field returns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Value(u64),
    /// A code of `nvmlReturn_t`.
    Error(u32),
}

/// The change that a line makes.
#[derive(Debug, Clone, PartialEq)]
enum Change {
    /// A field that has one value at a time.
    Set(&'static str, Answer),
    Process {
        pid: u32,
        used_bytes: u64,
    },
    Xid(u64),
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    /// `None` stands for all GPUs.
    gpu: Option<u32>,
    change: Change,
}

/// The lines in order.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Script(Vec<Line>);

/// An invalid line: its number from 1, and the reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ScriptError {
    pub(crate) line: usize,
    pub(crate) reason: &'static str,
}

/// The state of one GPU.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Gpu {
    fields: BTreeMap<&'static str, Answer>,
    /// Pid and bytes of device memory.
    pub(crate) processes: Vec<(u32, u64)>,
    /// All Xids, in order.
    pub(crate) xids: Vec<u64>,
}

/// Fields with one value at a time.
const VALUES: [&str; 6] = ["gpus", "temperature", "memory_used_percent", "utilization", "ecc_uncorrected", "process"];
/// Fields that need no value.
const FLAGS: [&str; 2] = ["lost", "hang"];

impl Script {
    pub(crate) fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let words: Vec<_> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            if !words.is_empty() {
                lines.push(Line::parse(&words).map_err(|reason| ScriptError { line: index + 1, reason })?);
            }
        }
        Ok(Self(lines))
    }

    /// The number of GPUs.
    pub(crate) fn count(&self) -> Answer {
        self.gpu(None).get("gpus", 0)
    }

    /// The state of one GPU, or the state for `*` if `gpu` is `None`.
    pub(crate) fn gpu(&self, gpu: Option<u32>) -> Gpu {
        let mut state = Gpu::default();
        for line in self.0.iter().filter(|line| line.gpu.is_none() || line.gpu == gpu) {
            match &line.change {
                Change::Set(field, answer) => drop(state.fields.insert(field, answer.clone())),
                Change::Process { pid, used_bytes } => state.processes.push((*pid, *used_bytes)),
                Change::Xid(xid) => state.xids.push(*xid),
            }
        }
        state
    }
}

impl Gpu {
    pub(crate) fn get(&self, field: &str, default: u64) -> Answer {
        self.fields.get(field).cloned().unwrap_or(Answer::Value(default))
    }

    pub(crate) fn is(&self, flag: &str) -> bool {
        self.fields.contains_key(flag)
    }
}

impl Line {
    fn parse(words: &[&str]) -> Result<Self, &'static str> {
        let [gpu, field, values @ ..] = words else { return Err("expected GPU FIELD VALUE") };
        let gpu = match *gpu {
            "*" => None,
            number => Some(number.parse().map_err(|_| "the GPU is neither a number nor *")?),
        };
        if *field == "gpus" && gpu.is_some() {
            return Err("the number of GPUs can only be set for *");
        }
        Ok(Self { gpu, change: Change::parse(field, values)? })
    }
}

impl Change {
    fn parse(field: &str, values: &[&str]) -> Result<Self, &'static str> {
        let number = |text: &str| text.parse::<u64>().map_err(|_| "the value is not a whole number");
        let known = |names: &[&'static str]| names.iter().copied().find(|name| *name == field);
        match (field, values) {
            (_, ["error", code]) if known(&VALUES).is_some() => {
                let code = code.parse().map_err(|_| "the error's code is not a whole number")?;
                Ok(Self::Set(known(&VALUES).unwrap_or_default(), Answer::Error(code)))
            }
            ("process", [pid, used_bytes]) => {
                let pid = pid.parse().map_err(|_| "the pid is not a whole number")?;
                Ok(Self::Process { pid, used_bytes: number(used_bytes)? })
            }
            ("xid", [xid]) => Ok(Self::Xid(number(xid)?)),
            (_, []) => {
                known(&FLAGS).map(|flag| Self::Set(flag, Answer::Value(1))).ok_or("unknown field, or missing value")
            }
            ("process", _) => Err("expected a pid and bytes for a process"),
            (_, [value]) => Ok(Self::Set(known(&VALUES).ok_or("unknown field")?, Answer::Value(number(value)?))),
            _ => Err("too many values"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_follows_the_last_line_of_a_field() {
        let script = Script::parse("* temperature 50 # all\n\n1 temperature 86\n1 temperature 90").unwrap();
        let temperature = |gpu| script.gpu(Some(gpu)).get("temperature", 40);
        assert_eq!((temperature(0), temperature(1)), (Answer::Value(50), Answer::Value(90)));
        assert_eq!(Script::default().gpu(Some(0)).get("temperature", 40), Answer::Value(40));
    }

    #[test]
    fn script_gives_errors_losses_processes_and_xids_of_a_gpu() {
        let script = Script::parse("* gpus 2\n0 temperature error 999\n0 lost\n0 xid 79\n0 process 7 1024").unwrap();
        assert_eq!(script.count(), Answer::Value(2));
        let (lost, other) = (script.gpu(Some(0)), script.gpu(Some(1)));
        assert_eq!(lost.get("temperature", 40), Answer::Error(999));
        assert_eq!((lost.is("lost"), lost.xids, lost.processes), (true, vec![79], vec![(7, 1024)]));
        assert!(!other.is("lost") && other.xids.is_empty() && other.processes.is_empty());
    }

    #[test]
    fn script_names_a_line_that_cannot_be_parsed() {
        let lines = [
            "x lost",
            "0",
            "0 gpus 2",
            "0 heat 3",
            "0 temperature",
            "0 temperature warm",
            "0 process 7",
            "0 temperature error x",
            "0 temperature 1 2 3",
        ];
        for line in lines {
            let error = Script::parse(&format!("# first\n{line}")).unwrap_err();
            assert_eq!(error.line, 2, "{line}: {}", error.reason);
        }
    }
}
