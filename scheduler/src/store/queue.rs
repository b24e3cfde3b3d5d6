//! The queue of a store that several runs share.
//!
//! The first run offers its recordings together with its plan. It and every run that joins claim recordings a few at a
//! time. A claim lasts as long as the registration of its run: if a run is killed, or does not renew its registration, the
//! others claim its recordings. The number of the run is the fence: what it computed cannot be committed any more.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage_core::{PipelineError, Recipe};

use super::{RunId, StoreError};

/// What the runs that share a queue have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedPlan {
    /// Version of the program.
    pub tool_version: String,
    /// The stages of every recording, with their versions, settings and models.
    pub recipe: Recipe,
    /// The settings of the workers. The scheduler does not interpret them.
    pub settings: Value,
}

impl SharedPlan {
    /// Whether runs with both plans compute the same artifacts. The settings of the workers may differ in what is not part
    /// of any artifact, such as limits of a machine.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        (&self.tool_version, &self.recipe) == (&other.tool_version, &other.recipe)
    }
}

/// A recording to queue.
#[derive(Debug, Clone, PartialEq)]
pub struct NewWork {
    /// SHA-256 of its bytes.
    pub recording: String,
    /// Its priority. Higher priorities are claimed earlier.
    pub priority: i32,
    /// Its length in seconds. Of recordings with one priority, longer ones are claimed earlier.
    pub audio_s: f64,
}

/// How the work on a recording ended.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkEnd {
    /// All artifacts are stored.
    Done,
    /// It failed, as it would in every run.
    Failed(PipelineError),
}

/// A queue that several runs share. Every method is one transaction.
#[expect(clippy::missing_errors_doc, reason = "as in `Store`; what is special is documented")]
pub trait WorkQueue {
    /// Queues recordings, and stores the plan. Recordings that are queued or claimed stay so.
    ///
    /// # Errors
    /// [`StoreError::OtherPlan`]: other runs are registered that follow another plan.
    fn offer(&mut self, run: RunId, plan: &SharedPlan, work: &[NewWork]) -> Result<(), StoreError>;
    /// The plan of the last run that offered recordings. `None` if there was none.
    fn plan(&self) -> Result<Option<SharedPlan>, StoreError>;
    /// The recordings that are queued or claimed.
    fn unfinished(&self) -> Result<Vec<String>, StoreError>;
    /// Claims at most this many recordings, without these.
    ///
    /// # Errors
    /// [`StoreError::TakenOver`]: another run took over the work of this one.
    fn claim(&mut self, run: RunId, most: usize, except: &[String]) -> Result<Vec<String>, StoreError>;
    /// Records how the work on a claimed recording ended.
    fn settle(&mut self, run: RunId, recording: &str, end: &WorkEnd) -> Result<(), StoreError>;
    /// Queues recordings again: claimed ones that this run cannot process, and ones that are done according to the queue,
    /// but have lost artifacts.
    fn give_back(&mut self, run: RunId, recordings: &[String]) -> Result<(), StoreError>;
    /// The recordings that ended lately, in any run, and the time up to which that is known. The next call starts there;
    /// the first one at 0. A recording may be returned again.
    fn ended(&self, since_ms: i64) -> Result<(Vec<(String, WorkEnd)>, i64), StoreError>;
}
