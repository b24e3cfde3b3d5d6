//! Type-erased stages, so that the engine can run any list of them.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::order::OrderCheck;
use crate::{
    Artifacts, DeviceStage, ErrorClass, ErrorCode, Flow, Identity, IntoArtifacts, Made, OrderError, PipelineError,
    Stage, StageName, StageSpec,
};

/// An input of a device stage, of the type that its stage prepares.
pub type ModelInput = dyn Any + Send + Sync;
/// An output of a device stage's model.
pub type ModelOutput = Box<dyn Any + Send>;
/// Passes on inputs with their indices; returns false when the work has been canceled.
pub type Emit<'a> = dyn FnMut(usize, Arc<ModelInput>) -> bool + 'a;

/// A stage with its types erased.
pub trait Runner: Send + Sync {
    /// Name, inputs, outputs and phases.
    fn spec(&self) -> StageSpec;

    /// Settings and model, for the fingerprint.
    fn identity(&self) -> Identity;

    /// Computes the stage's artifacts of one recording on the CPU, in one phase.
    ///
    /// # Errors
    /// The failure of this recording.
    fn run(&self, artifacts: &Artifacts) -> Result<Made, PipelineError>;

    /// Its three phases, if the stage has a model on the device.
    fn device(&self) -> Option<&dyn DeviceRunner> {
        None
    }
}

/// The phases of a device stage with its types erased. The methods are those of [`DeviceStage`].
#[expect(clippy::missing_errors_doc, reason = "documented in `DeviceStage`")]
pub trait DeviceRunner: Send + Sync {
    /// [`DeviceStage::prepare`].
    fn prepare(
        &self,
        artifacts: &Artifacts,
        is_done: &dyn Fn(usize) -> bool,
        emit: &mut Emit<'_>,
    ) -> Result<usize, PipelineError>;

    /// [`DeviceStage::input_audio_s`]; 0 if the stage's inputs are missing.
    fn input_audio_s(&self, artifacts: &Artifacts, index: usize) -> f64;

    /// [`DeviceStage::load`].
    fn load(&self) -> Result<(), PipelineError>;

    /// [`DeviceStage::health_probe`].
    fn health_probe(&self) -> Result<(), PipelineError>;

    /// [`DeviceStage::infer`].
    fn infer(&self, flow: &mut dyn Flow<ModelInput, ModelOutput>) -> Result<(), PipelineError>;

    /// [`DeviceStage::follow_up`]. The outputs are unchanged afterwards, unless it fails.
    fn follow_up(
        &self,
        artifacts: &Artifacts,
        outputs: &mut Vec<ModelOutput>,
        emit: &mut Emit<'_>,
    ) -> Result<usize, PipelineError>;

    /// [`DeviceStage::finish`].
    fn finish(&self, artifacts: &Artifacts, outputs: Vec<ModelOutput>) -> Result<Made, PipelineError>;

    /// Serializes an output to JSON, for its checkpoint.
    fn encode_output(&self, output: &ModelOutput) -> Result<String, PipelineError>;

    /// Deserializes an output from its checkpoint.
    fn decode_output(&self, body: &str) -> Result<ModelOutput, PipelineError>;
}

/// Wraps a stage without device work.
pub fn cpu_runner<S: Stage>(stage: S) -> Box<dyn Runner> {
    Box::new(OnCpu(stage))
}

/// Wraps a stage with a model on the device.
pub fn device_runner<S: DeviceStage>(stage: S) -> Box<dyn Runner> {
    Box::new(OnDevice(stage))
}

struct OnCpu<S>(S);

impl<S: Stage> Runner for OnCpu<S> {
    fn spec(&self) -> StageSpec {
        S::SPEC
    }

    fn identity(&self) -> Identity {
        self.0.identity()
    }

    fn run(&self, artifacts: &Artifacts) -> Result<Made, PipelineError> {
        self.0.run(input::<S>(artifacts)?)?.into_artifacts()
    }
}

struct OnDevice<S>(S);

impl<S: DeviceStage> Runner for OnDevice<S> {
    fn spec(&self) -> StageSpec {
        S::SPEC
    }

    fn identity(&self) -> Identity {
        self.0.identity()
    }

    fn run(&self, artifacts: &Artifacts) -> Result<Made, PipelineError> {
        self.0.run(input::<S>(artifacts)?)?.into_artifacts()
    }

    fn device(&self) -> Option<&dyn DeviceRunner> {
        Some(self)
    }
}

impl<S: DeviceStage> DeviceRunner for OnDevice<S> {
    fn prepare(
        &self,
        artifacts: &Artifacts,
        is_done: &dyn Fn(usize) -> bool,
        emit: &mut Emit<'_>,
    ) -> Result<usize, PipelineError> {
        self.0.prepare(input::<S>(artifacts)?, is_done, &mut |index, input| emit(index, Arc::new(input)))
    }

    fn input_audio_s(&self, artifacts: &Artifacts, index: usize) -> f64 {
        input::<S>(artifacts).map_or(0.0, |input| self.0.input_audio_s(input, index))
    }

    fn load(&self) -> Result<(), PipelineError> {
        self.0.load()
    }

    fn health_probe(&self) -> Result<(), PipelineError> {
        self.0.health_probe()
    }

    fn infer(&self, flow: &mut dyn Flow<ModelInput, ModelOutput>) -> Result<(), PipelineError> {
        self.0.infer(&mut TypedFlow::<S> { flow, stage: PhantomData })
    }

    fn follow_up(
        &self,
        artifacts: &Artifacts,
        outputs: &mut Vec<ModelOutput>,
        emit: &mut Emit<'_>,
    ) -> Result<usize, PipelineError> {
        let typed = typed::<S>(std::mem::take(outputs))?;
        let emit = &mut |index, input| emit(index, Arc::new(input) as Arc<ModelInput>);
        let more = self.0.follow_up(input::<S>(artifacts)?, &typed, emit)?;
        outputs.extend(typed.into_iter().map(|output| Box::new(output) as ModelOutput));
        Ok(more)
    }

    fn finish(&self, artifacts: &Artifacts, outputs: Vec<ModelOutput>) -> Result<Made, PipelineError> {
        self.0.finish(input::<S>(artifacts)?, typed::<S>(outputs)?)?.into_artifacts()
    }

    fn encode_output(&self, output: &ModelOutput) -> Result<String, PipelineError> {
        let output = output.downcast_ref::<S::ModelOutput>().ok_or_else(|| wrong_type(S::SPEC.name))?;
        serde_json::to_string(output).map_err(|error| {
            let message = "a model output cannot be serialized";
            PipelineError::bug(S::SPEC.name, ErrorCode::UnwritableArtifact, message).caused_by(&error)
        })
    }

    fn decode_output(&self, body: &str) -> Result<ModelOutput, PipelineError> {
        let output: S::ModelOutput = serde_json::from_str(body).map_err(|error| {
            let message = "a stored model output has the format of another version";
            let (class, code) = (ErrorClass::BadInput, ErrorCode::UnreadableArtifact);
            PipelineError::new(S::SPEC.name, class, code, message).caused_by(&error)
        })?;
        Ok(Box::new(output))
    }
}

/// A type-erased flow as the stage sees it. Inputs of different stages are kept apart, so an input of another type
/// cannot occur.
struct TypedFlow<'a, S> {
    flow: &'a mut dyn Flow<ModelInput, ModelOutput>,
    stage: PhantomData<S>,
}

impl<S: DeviceStage> Flow<S::ModelInput, S::ModelOutput> for TypedFlow<'_, S> {
    fn capacity(&self) -> usize {
        self.flow.capacity()
    }

    fn draw(&mut self) -> Option<(usize, Arc<S::ModelInput>)> {
        let (key, input) = self.flow.draw()?;
        Some((key, input.downcast().ok()?))
    }

    fn complete(&mut self, key: usize, output: S::ModelOutput) {
        self.flow.complete(key, Box::new(output));
    }

    fn progressed(&mut self) {
        self.flow.progressed();
    }
}

fn input<S: Stage>(artifacts: &Artifacts) -> Result<S::Input<'_>, PipelineError> {
    S::input(&artifacts.inputs_of(&S::SPEC))
}

fn typed<S: DeviceStage>(outputs: Vec<ModelOutput>) -> Result<Vec<S::ModelOutput>, PipelineError> {
    let typed = outputs.into_iter().map(|output| output.downcast::<S::ModelOutput>().map(|output| *output));
    typed.collect::<Result<_, _>>().map_err(|_| wrong_type(S::SPEC.name))
}

fn wrong_type(stage: StageName) -> PipelineError {
    PipelineError::bug(stage, ErrorCode::ForeignOutput, "a model output of another stage")
}

/// The stages that a process can run, in the order of the data flow.
pub struct Runners(Vec<Box<dyn Runner>>);

/// Why a list of stages is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunnersError {
    /// The stages cannot run in this order.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The spec of a stage declares device phases that its runner lacks, or the reverse: correct its spec or its entry
    /// in the list.
    #[error("the phases of {0} are not those of its spec")]
    Phases(StageName),
}

impl Runners {
    /// Creates the list of these stages.
    ///
    /// # Errors
    /// [`RunnersError`] if the list is invalid.
    pub fn new(runners: Vec<Box<dyn Runner>>) -> Result<Self, RunnersError> {
        let mut order = OrderCheck::default();
        for runner in &runners {
            let spec = runner.spec();
            order.next(spec.name, spec.inputs, spec.artifacts().map(|(name, _)| name))?;
            if spec.on_device() != runner.device().is_some() {
                return Err(RunnersError::Phases(spec.name));
            }
        }
        Ok(Self(runners))
    }

    /// The stage of this name.
    #[must_use]
    pub fn get(&self, stage: StageName) -> Option<&dyn Runner> {
        self.iter().find(|runner| runner.spec().name == stage)
    }

    /// All stages, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &dyn Runner> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// The specs of the stages, in order.
    #[must_use]
    pub fn specs(&self) -> Vec<StageSpec> {
        self.iter().map(Runner::spec).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::Value;

    use super::*;
    use crate::{Artifact, ArtifactName, Inputs, Phases, Source};

    /// Doubles the numbers below the recording's length, on the device.
    struct Doubler;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Doubled(Vec<u32>);

    impl Artifact for Doubled {
        const NAME: ArtifactName = StageName::new("doubler").artifact();
    }

    impl Stage for Doubler {
        const SPEC: StageSpec = StageSpec {
            name: Doubled::NAME.stage(),
            version: 1,
            inputs: &[],
            outputs: &[],
            phases: Phases::Device,
            weight: 1.0,
        };
        type Input<'a> = u32;
        type Output = Doubled;

        fn identity(&self) -> Identity {
            Identity::without_model(Value::Null)
        }

        fn input<'a>(inputs: &Inputs<'a>) -> Result<u32, PipelineError> {
            Ok(inputs.source().audio_s as u32)
        }

        fn run(&self, count: u32) -> Result<Doubled, PipelineError> {
            Ok(Doubled((0..count).map(|input| input * 2).collect()))
        }
    }

    impl DeviceStage for Doubler {
        type ModelInput = u32;
        type ModelOutput = u32;

        fn prepare(
            &self,
            count: u32,
            is_done: &dyn Fn(usize) -> bool,
            emit: &mut dyn FnMut(usize, u32) -> bool,
        ) -> Result<usize, PipelineError> {
            (0..count).filter(|input| !is_done(*input as usize)).all(|input| emit(input as usize, input));
            Ok(count as usize)
        }

        fn input_audio_s(&self, count: u32, index: usize) -> f64 {
            f64::from(count.min(index as u32))
        }

        fn load(&self) -> Result<(), PipelineError> {
            Ok(())
        }

        fn health_probe(&self) -> Result<(), PipelineError> {
            Ok(())
        }

        fn infer(&self, flow: &mut dyn Flow<u32, u32>) -> Result<(), PipelineError> {
            while let Some((key, input)) = flow.draw() {
                flow.complete(key, *input * 2);
            }
            Ok(())
        }

        fn finish(&self, _: u32, outputs: Vec<u32>) -> Result<Doubled, PipelineError> {
            Ok(Doubled(outputs))
        }
    }

    fn artifacts() -> Artifacts {
        let source = Source { path: "a.wav".into(), file_sha256: String::new(), audio_s: 3.0 };
        Artifacts::new(source, [], &[Doubler::SPEC])
    }

    fn made(runner: &dyn Runner, made: Made) -> String {
        artifacts().keep(&runner.spec(), made).unwrap().remove(0).1
    }

    #[test]
    fn device_runner_gives_the_artifact_of_its_stage_phase_by_phase_and_as_a_whole() {
        let (runner, artifacts) = (device_runner(Doubler), artifacts());
        let device = runner.device().unwrap();
        let mut inputs: Vec<Arc<ModelInput>> = Vec::new();
        let mut emit = |_, input| {
            inputs.push(input);
            true
        };
        assert_eq!(device.prepare(&artifacts, &|index| index == 1, &mut emit).unwrap(), 3);
        let mut flow = crate::ListFlow::new(inputs, 2);
        device.infer(&mut flow).unwrap();
        let mut outputs = flow.into_outputs().unwrap();
        outputs.insert(1, device.decode_output("2").unwrap());
        assert_eq!(device.encode_output(&outputs[2]).unwrap(), "4");
        assert_eq!(device.follow_up(&artifacts, &mut outputs, &mut |_, _| true).unwrap(), 0);
        assert_eq!(made(&*runner, device.finish(&artifacts, outputs).unwrap()), "[0,2,4]");
        assert_eq!(made(&*runner, runner.run(&artifacts).unwrap()), "[0,2,4]");
    }

    #[test]
    fn device_runner_refuses_outputs_of_another_stage() {
        let runner = device_runner(Doubler);
        let device = runner.device().unwrap();
        let foreign: ModelOutput = Box::new("text");
        assert_eq!(device.encode_output(&foreign).unwrap_err().code, ErrorCode::ForeignOutput);
        assert_eq!(device.finish(&artifacts(), vec![foreign]).unwrap_err().code, ErrorCode::ForeignOutput);
        let unreadable = device.decode_output("{}").map(drop).unwrap_err();
        assert_eq!((unreadable.class, unreadable.code), (ErrorClass::BadInput, ErrorCode::UnreadableArtifact));
    }

    #[test]
    fn runners_that_do_not_fit_together_are_refused() {
        let twice = Runners::new(vec![device_runner(Doubler), device_runner(Doubler)]);
        assert_eq!(twice.err(), Some(OrderError::Duplicate(Doubler::SPEC.name).into()));
        assert_eq!(Runners::new(vec![cpu_runner(Doubler)]).err(), Some(RunnersError::Phases(Doubler::SPEC.name)));
    }
}
