//! What becomes of the lanes' reports: answers and artifacts go to the coordinator, finished tasks free those that
//! waited for them.

use std::time::Duration;

use stage_core::{Phase, StageError, StageKind};

use super::executor::{Executor, Report};
use super::task::{Output, Work};
use super::{Artifact, Pipeline};
use crate::clock::Moment;
use crate::dag::Task;
use crate::lanes::LaneReport;
use crate::protocol::FromWorker;
use crate::store::Lease;

impl<P: Pipeline> Executor<P> {
    pub(super) fn hear(&mut self, report: Report<P>) {
        match report {
            // A report may concern a recording that has just been closed.
            Report::Cpu { slot, work, began, result } => {
                self.cpu.finished();
                self.preparing -= usize::from(work.is_prepare());
                if let Some(item) = self.open.get_mut(&slot) {
                    item.in_lane -= 1;
                    self.cpu_done(slot, work, began, result);
                }
            }
            Report::Device(LaneReport::Answered { slot, stage, index, answer, began, duration }) => {
                self.send_part(slot, (stage, index), &answer, began, duration);
                if let Some(item) = self.open.get_mut(&slot) {
                    item.answers(stage).put(index, answer);
                    self.look_whether_answered(slot, stage);
                }
            }
            Report::Device(LaneReport::Failed { slot, error }) => self.fail(slot, error),
            Report::Device(LaneReport::Shrunk { from, to, error }) => {
                self.outbox.send(&FromWorker::Shrunk { from, to, error });
            }
            Report::Device(LaneReport::CanaryEnded { error }) => self.outbox.send(&FromWorker::CanaryEnded { error }),
        }
    }

    fn cpu_done(&mut self, slot: u64, work: Work, began: Moment, result: Result<Output<P>, StageError>) {
        let Some(item) = self.open.get_mut(&slot) else { return };
        if item.ended {
            self.close_if_over(slot);
            return;
        }
        match (work, result) {
            (_, Err(error)) => self.fail(slot, error),
            (_, Ok(Output::Opened(state))) => {
                item.state = Some(state);
                let (lease, number) = (item.ticket.lease, item.ticket.item);
                let roots = self.batches.get(&lease).map_or_else(Vec::new, |batch| batch.graph.roots(number));
                self.enqueue(slot, &roots);
                self.close_if_over(slot);
            }
            (Work::Stage(stage, _), Ok(Output::Prepared(units))) => {
                item.began(stage, began);
                item.answers(stage).prepared(units);
                self.complete(slot, stage, Phase::Prepare);
                self.look_whether_answered(slot, stage);
            }
            (Work::Stage(stage, _), Ok(Output::FollowedUp { seen, more })) => {
                item.answers(stage).followed_up(seen, more);
                self.look_whether_answered(slot, stage);
            }
            (Work::Stage(stage, phase), Ok(Output::Made(artifact))) => {
                let began = item.began(stage, began);
                self.send_artifact(slot, stage, began, artifact);
                self.complete(slot, stage, phase);
            }
            // `CpuTask::perform` opens for `Work::Open` and for nothing else.
            (Work::Open, Ok(Output::Prepared(_) | Output::FollowedUp { .. } | Output::Made(_))) => {}
        }
    }

    /// Where all units so far are answered, the stage is finished next, unless that leads to more of them.
    fn look_whether_answered(&mut self, slot: u64, stage: StageKind) {
        let Some(item) = self.open.get_mut(&slot).filter(|item| !item.ended) else { return };
        let answers = item.answers(stage);
        match (answers.is_complete(), answers.is_following_up()) {
            (false, _) => {}
            (true, false) => self.complete(slot, stage, Phase::Infer),
            // The graph let the last phase go when the first units were answered.
            (true, true) => drop(self.ready.insert((slot, Work::Stage(stage, Phase::Finish)))),
        }
    }

    /// Notes a finished task and queues what waited for it.
    fn complete(&mut self, slot: u64, stage: StageKind, phase: Phase) {
        let Some(item) = self.open.get(&slot).filter(|item| !item.ended) else { return };
        let task = Task { item: item.ticket.item, stage, phase };
        let ready = self.batches.get_mut(&item.ticket.lease).map_or_else(Vec::new, |batch| batch.graph.complete(task));
        self.enqueue(slot, &ready);
        self.close_if_over(slot);
    }

    /// Queues tasks of the CPU lane; the device lane's begin by themselves, as soon as there are units.
    fn enqueue(&mut self, slot: u64, tasks: &[Task]) {
        let cpu = tasks.iter().filter(|task| !task.phase.on_device());
        self.ready.extend(cpu.map(|task| (slot, Work::Stage(task.stage, task.phase))));
    }

    /// Sends an answer to be kept until its stage's artifact is.
    fn send_part(
        &self,
        slot: u64,
        (stage, index): (StageKind, usize),
        answer: &P::Answer,
        began: Moment,
        duration: Duration,
    ) {
        let Some(item) = self.open.get(&slot).filter(|item| !item.ended) else { return };
        let Some(step) = item.step(stage).filter(|step| step.commit && step.keep_parts) else { return };
        let Ok(body) = serde_json::to_string(answer) else { return };
        let (lease, number) = (item.ticket.lease, item.ticket.item);
        let audio_s = item.unit_audio_s(&self.pipeline, stage, index);
        self.outbox.send_result(|result| FromWorker::Part {
            result,
            lease,
            item: number,
            stage,
            fingerprint: step.fingerprint,
            index,
            body,
            audio_s,
            started_at_ms: began.ms(),
            duration_s: duration.as_secs_f64(),
        });
    }

    fn send_artifact(&self, slot: u64, stage: StageKind, began: Moment, Artifact { body }: Artifact) {
        let Some(item) = self.open.get(&slot) else { return };
        let Some(step) = item.step(stage).filter(|step| step.commit) else { return };
        let (lease, number) = (item.ticket.lease, item.ticket.item);
        self.outbox.send_result(|result| FromWorker::Done {
            result,
            lease,
            item: number,
            stage,
            fingerprint: step.fingerprint,
            body,
            started_at_ms: began.ms(),
            duration_s: began.elapsed().as_secs_f64(),
        });
    }

    pub(super) fn send_failure(&self, lease: Lease, item: u64, error: StageError) {
        self.outbox.send_result(|result| FromWorker::Failed { result, lease, item, error });
    }

    fn fail(&mut self, slot: u64, error: StageError) {
        let Some(item) = self.open.get(&slot).filter(|item| !item.ended) else { return };
        let (lease, number) = (item.ticket.lease, item.ticket.item);
        self.send_failure(lease, number, error);
        self.let_go(slot);
    }

    /// Does no more for a recording; its state goes with the last of its tasks that run now.
    pub(super) fn let_go(&mut self, slot: u64) {
        let Some(item) = self.open.get_mut(&slot) else { return };
        item.ended = true;
        item.ticket.abandon();
        let (lease, number) = (item.ticket.lease, item.ticket.item);
        self.ready.retain(|(other, _)| *other != slot);
        if let Some(batch) = self.batches.get_mut(&lease) {
            batch.graph.abandon(number);
        }
        self.close_if_over(slot);
    }

    /// Drops a recording's state with its last task, and the batch with its last recording.
    fn close_if_over(&mut self, slot: u64) {
        let Some(item) = self.open.get(&slot).filter(|item| item.in_lane == 0) else { return };
        let lease = item.ticket.lease;
        if self.batches.get(&lease).is_some_and(|batch| batch.graph.is_finished(item.ticket.item)) {
            self.open.remove(&slot);
            self.leave_batch(lease, 1);
        }
    }

    /// Takes so many recordings out of a batch, and the batch away with its last one.
    pub(super) fn leave_batch(&mut self, lease: Lease, items: usize) {
        let Some(batch) = self.batches.get_mut(&lease) else { return };
        batch.items_left -= items;
        if batch.items_left == 0 {
            self.batches.remove(&lease);
            self.outbox.send_spans(self.activity.take_spans());
            self.outbox.send(&FromWorker::BatchFinished { lease });
        }
    }
}
