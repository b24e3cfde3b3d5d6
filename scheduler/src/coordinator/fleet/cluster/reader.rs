//! Reads a driver's lines: messages of its workers, and what happens to them.

use std::collections::HashMap;
use std::io::BufRead;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crossbeam_channel::Sender;

use super::driver::Slots;
use super::silence::{ReaderClock, SlotSilence};
use super::wire::{self, Address, Alive, Cause, Down, Envelope, Fatal, MalformedLine, Pending, Ready, Up};
use crate::coordinator::fleet::connection::{ClusterNews, Incoming, Loss, LossCause, Output, Placement};
use crate::protocol::{Assembler, CodecError, read_line};

/// Number of digits of a node's id in its name.
const ID_DIGITS: usize = 8;

/// The thread that reads a driver's stdout.
pub(super) struct Reader<R> {
    input: R,
    /// The number of the driver.
    driver: u32,
    clock: Arc<ReaderClock>,
    slots: Arc<Slots>,
    incoming: Sender<Incoming>,
    /// The unfinished messages of the slots. `None` after a malformed line.
    assemblers: HashMap<usize, (u64, Option<Assembler>)>,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(
        input: R,
        driver: u32,
        clock: Arc<ReaderClock>,
        slots: Arc<Slots>,
        incoming: Sender<Incoming>,
    ) -> Self {
        Self { input, driver, clock, slots, incoming, assemblers: HashMap::new() }
    }

    /// Reads until the driver ends or sends a malformed line, or the coordinator is gone.
    pub(super) fn run(mut self) {
        let end = loop {
            let line = match read_line(&mut self.input, wire::line_bytes()) {
                Ok(Some(line)) => line,
                // A killed driver may leave an incomplete line.
                Ok(None) | Err(CodecError::Truncated | CodecError::Io(_)) => break String::new(),
                Err(error) => break error.to_string(),
            };
            self.clock.received();
            match self.incoming_of(line.strip_suffix(b"\n").unwrap_or(&line)) {
                Ok(None) => {}
                Ok(Some(incoming)) => {
                    if !self.forward(incoming) {
                        return;
                    }
                }
                Err(error) => break format!("sent {error}"),
            }
        };
        self.forward(Incoming::Cluster { driver: self.driver, news: ClusterNews::Ended(end) });
    }

    fn forward(&self, incoming: Incoming) -> bool {
        self.clock.while_waiting(|| self.incoming.send(incoming).is_ok())
    }

    fn incoming_of(&mut self, line: &[u8]) -> Result<Option<Incoming>, MalformedLine> {
        let envelope = Envelope::parse(line)?;
        let Some(address) = envelope.address else {
            let news = news(&envelope)?;
            return Ok(news.map(|news| Incoming::Cluster { driver: self.driver, news }));
        };
        // Lines of workers that were replaced are skipped.
        let Some(silence) = self.current(address) else { return Ok(None) };
        let output = match envelope.verb {
            "line" => {
                silence.received();
                self.assemble(address, envelope.payload)
            }
            "up" => {
                silence.received();
                let Up { node, host, gpus } = envelope.json()?;
                Some(Output::Placed(Placement { node: node_name(&host, &node).into(), gpus }))
            }
            "alive" => {
                let Alive { memory } = envelope.json()?;
                silence.alive(memory);
                None
            }
            "pending" => {
                let Pending { seconds } = envelope.json()?;
                Some(Output::Pending(Duration::try_from_secs_f64(seconds).unwrap_or_default()))
            }
            "down" => Some(Output::Lost(loss(envelope.json()?))),
            _ => return Err(envelope.unknown()),
        };
        Ok(output.map(|output| Incoming::Worker { worker: address.slot, generation: address.generation, output }))
    }

    /// The state of a slot, if this is the address of its current worker.
    fn current(&self, address: Address) -> Option<Arc<SlotSilence>> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.get(&address.slot).filter(|slot| slot.address == address).cloned()
    }

    fn assemble(&mut self, address: Address, line: &[u8]) -> Option<Output> {
        let fresh = || (address.generation, Some(Assembler::default()));
        let state = self.assemblers.entry(address.slot).or_insert_with(fresh);
        if state.0 != address.generation {
            *state = fresh();
        }
        match state.1.as_mut()?.add(line) {
            Ok(message) => message.map(Output::Message),
            Err(error) => {
                state.1 = None;
                Some(Output::Malformed(error))
            }
        }
    }
}

/// What a line of the driver about itself says. `None` for a sign of life.
fn news(envelope: &Envelope<'_>) -> Result<Option<ClusterNews>, MalformedLine> {
    Ok(Some(match envelope.verb {
        "beat" => return Ok(None),
        "ready" => {
            let Ready { protocol, engine } = envelope.json()?;
            if protocol == wire::VERSION {
                ClusterNews::Ready { engine }
            } else {
                ClusterNews::Fatal(format!(
                    "the driver speaks version {protocol} of its protocol, this program version {}: install the package \
                     that belongs to the program",
                    wire::VERSION
                ))
            }
        }
        "capacity" => ClusterNews::Capacity(envelope.json()?),
        "fatal" => {
            let Fatal { message, remedy } = envelope.json()?;
            ClusterNews::Fatal(format!("{message}: {remedy}"))
        }
        _ => return Err(envelope.unknown()),
    }))
}

fn loss(Down { cause, reason, node, host }: Down) -> Loss {
    let cause = match cause {
        Cause::Exit => LossCause::Worker,
        Cause::Actor | Cause::Node => LossCause::Place,
        Cause::Program => LossCause::Program,
    };
    let reason = if node.is_empty() || cause == LossCause::Worker {
        reason
    } else {
        format!("{}: {reason}", node_name(&host, &node))
    };
    Loss { cause, reason }
}

/// A name of a node for people that is unique in the cluster.
fn node_name(host: &str, id: &str) -> String {
    let digits: String = id.chars().take(ID_DIGITS).collect();
    if digits.is_empty() || digits == host { host.to_owned() } else { format!("{host}.{digits}") }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;
    use crate::protocol::{Encoder, FromWorker};

    const SLOT: Address = Address { slot: 2, generation: 3 };

    /// What a reader of these lines passes on. Only the worker at [`SLOT`] is known.
    fn read(lines: &[u8]) -> Vec<Incoming> {
        let (sender, incoming) = unbounded();
        let (clock, slots): (Arc<ReaderClock>, Arc<Slots>) = Default::default();
        slots.lock().unwrap().insert(SLOT.slot, Arc::new(SlotSilence::new(SLOT, Arc::clone(&clock))));
        Reader::new(lines, 7, clock, slots, sender).run();
        incoming.iter().collect()
    }

    fn end(incoming: &[Incoming]) -> &str {
        match incoming.last() {
            Some(Incoming::Cluster { driver: 7, news: ClusterNews::Ended(end) }) => end,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reader_joins_the_chunks_of_each_worker_and_skips_replaced_ones() {
        let long = FromWorker::Refused {
            error: stage_core::PipelineError::bug(
                stage_core::Origin::Worker,
                stage_core::ErrorCode::WorkerSlots,
                "x".repeat(600 << 10),
            ),
        };
        let (mut encoded, mut lines) = (Vec::new(), Vec::new());
        Encoder::new(&mut encoded).write(&long).unwrap();
        wire::write_lines(&mut lines, Address { generation: 2, ..SLOT }, b"{\"v\":0}\n").unwrap();
        for (index, line) in encoded.split_inclusive(|byte| *byte == b'\n').enumerate() {
            wire::write_lines(&mut lines, SLOT, line).unwrap();
            lines.extend(if index == 0 {
                b"9.1 line of a worker that is not known\n".as_slice()
            } else {
                b"- beat {}\n"
            });
        }
        let incoming = read(&lines);
        let [Incoming::Worker { worker: 2, generation: 3, output: Output::Message(message) }, _] = &incoming[..] else {
            panic!("{} messages", incoming.len());
        };
        assert_eq!((message, end(&incoming)), (&long, ""));
    }

    #[test]
    fn reader_reports_a_malformed_line_of_a_worker_once_and_continues() {
        let incoming = read(b"2.3 line garbage\n2.3 line more garbage\n- capacity 5\n");
        assert!(matches!(
            incoming[..],
            [
                Incoming::Worker { output: Output::Malformed(_), .. },
                Incoming::Cluster { news: ClusterNews::Capacity(5), .. },
                Incoming::Cluster { news: ClusterNews::Ended(_), .. }
            ]
        ));
    }

    #[test]
    fn reader_ends_at_a_malformed_envelope() {
        for (lines, problem) in [
            ("hello\n- capacity 1\n", "no address and verb"),
            ("- capacity x\n- capacity 1\n", "`capacity`"),
            ("2.3 dance {}\n- capacity 1\n", "an unknown verb"),
            ("2.3 down {\"cause\":\"boredom\"}\n- capacity 1\n", "`down`"),
        ] {
            let incoming = read(lines.as_bytes());
            assert!(incoming.len() == 1 && end(&incoming).contains(problem), "{lines}: {incoming:?}");
        }
    }

    #[test]
    fn reader_names_the_node_of_a_loss() {
        let down = br#"2.3 down {"cause":"node","reason":"gone","node":"0123456789","host":"gpu-4"}"#;
        let incoming = read(&[down.as_slice(), b"\n"].concat());
        let expected = Loss { cause: LossCause::Place, reason: "gpu-4.01234567: gone".to_owned() };
        assert!(matches!(&incoming[0], Incoming::Worker { output: Output::Lost(loss), .. } if *loss == expected));
    }

    #[test]
    fn reader_refuses_a_driver_with_another_protocol() {
        let incoming = read(b"- ready {\"protocol\":99,\"engine\":\"Ray 9\",\"capacity\":1}\n");
        let Incoming::Cluster { news: ClusterNews::Fatal(message), .. } = &incoming[0] else { panic!("{incoming:?}") };
        assert!(message.contains("version 99") && message.contains("install the package"), "{message}");
    }
}
