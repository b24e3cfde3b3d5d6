//! Parser of the script, and the state of each GPU at a given time.

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
    at_s: f64,
    /// `None` stands for all GPUs.
    gpu: Option<u32>,
    change: Change,
}

/// The lines in time order.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Script(Vec<Line>);

/// An invalid line: its number from 1, and the reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ScriptError {
    pub(crate) line: usize,
    pub(crate) reason: &'static str,
}

/// The state of one GPU at one time.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Gpu {
    fields: BTreeMap<&'static str, Answer>,
    /// Pid and bytes of device memory.
    pub(crate) processes: Vec<(u32, u64)>,
    /// All Xids so far, in order.
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
        lines.sort_by(|a: &Line, b| a.at_s.total_cmp(&b.at_s));
        Ok(Self(lines))
    }

    /// The number of GPUs.
    pub(crate) fn count(&self, now_s: f64) -> Answer {
        self.gpu(None, now_s).get("gpus", 0)
    }

    /// The state of one GPU, or the state for `*` if `gpu` is `None`.
    pub(crate) fn gpu(&self, gpu: Option<u32>, now_s: f64) -> Gpu {
        let mut now = Gpu::default();
        for line in self.0.iter().filter(|line| line.at_s <= now_s && (line.gpu.is_none() || line.gpu == gpu)) {
            match &line.change {
                Change::Set(field, answer) => drop(now.fields.insert(field, answer.clone())),
                Change::Process { pid, used_bytes } => now.processes.push((*pid, *used_bytes)),
                Change::Xid(xid) => now.xids.push(*xid),
            }
        }
        now
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
        let [at_s, gpu, field, values @ ..] = words else { return Err("expected SECONDS GPU FIELD VALUE") };
        let at_s =
            at_s.parse().ok().filter(|at_s: &f64| at_s.is_finite()).ok_or("the time is not a number of seconds")?;
        let gpu = match *gpu {
            "*" => None,
            number => Some(number.parse().map_err(|_| "the GPU is neither a number nor *")?),
        };
        if *field == "gpus" && gpu.is_some() {
            return Err("the number of GPUs can only be set for *");
        }
        Ok(Self { at_s, gpu, change: Change::parse(field, values)? })
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
    fn script_follows_the_latest_line_that_is_due() {
        let script = Script::parse("3 1 temperature 90\n0 * temperature 50 # all\n\n1.5 1 temperature 86").unwrap();
        let temperature = |gpu, now_s| script.gpu(Some(gpu), now_s).get("temperature", 40);
        assert_eq!(temperature(1, 1.0), Answer::Value(50));
        assert_eq!(temperature(1, 2.0), Answer::Value(86));
        assert_eq!(temperature(1, 3.0), Answer::Value(90));
        assert_eq!(temperature(0, 9.0), Answer::Value(50));
        assert_eq!(script.gpu(Some(0), -1.0).get("temperature", 40), Answer::Value(40));
    }

    #[test]
    fn script_gives_errors_losses_processes_and_xids_when_due() {
        let script = Script::parse("0 * gpus 2\n1 0 temperature error 999\n2 0 lost\n2 0 xid 79\n1 0 process 7 1024");
        let script = script.unwrap();
        assert_eq!(script.count(0.0), Answer::Value(2));
        let before = script.gpu(Some(0), 0.5);
        assert!(!before.is("lost") && before.xids.is_empty() && before.processes.is_empty());
        let after = script.gpu(Some(0), 2.0);
        assert_eq!(after.get("temperature", 40), Answer::Error(999));
        assert_eq!((after.is("lost"), after.xids, after.processes), (true, vec![79], vec![(7, 1024)]));
        assert!(!script.gpu(Some(1), 2.0).is("lost"));
    }

    #[test]
    fn script_names_a_line_that_cannot_be_parsed() {
        let lines = [
            "x 0 lost",
            "0 x lost",
            "0 0",
            "0 0 gpus 2",
            "0 0 heat 3",
            "0 0 temperature",
            "0 0 temperature warm",
            "0 0 process 7",
            "0 0 temperature error x",
            "0 0 temperature 1 2 3",
            "inf 0 lost",
        ];
        for line in lines {
            let error = Script::parse(&format!("# first\n{line}")).unwrap_err();
            assert_eq!(error.line, 2, "{line}: {}", error.reason);
        }
    }
}
