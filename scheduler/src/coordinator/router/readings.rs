//! Readings of the devices, and the incidents that they are.

use super::Router;
use crate::coordinator::outcome::RunError;
use crate::devices::{DeviceReading, DeviceState, Transition};
use crate::store::IncidentKind;

impl Router<'_> {
    /// Handles a reading of a device.
    pub(super) fn handle_reading(&mut self, reading: &DeviceReading) -> Result<(), RunError> {
        let device = &reading.device;
        let Some(Transition { from, to, reason }) = self.fleet.read_device(reading) else { return Ok(()) };
        let kind = match to {
            DeviceState::Held => IncidentKind::DeviceHeld,
            DeviceState::Lost => IncidentKind::DeviceLost,
            _ if from == to => {
                tracing::warn!(%device, reason, "continues without monitoring");
                return Ok(());
            }
            DeviceState::Admitted => IncidentKind::DeviceResumed,
            DeviceState::Throttled => IncidentKind::DeviceThrottled,
            DeviceState::Paused => IncidentKind::DevicePaused,
        };
        self.ledger.incident(kind, Some(device.to_string()), None, reason.clone())?;
        if to == DeviceState::Lost {
            self.fleet.suspect_device(device, &reason);
        }
        Ok(())
    }
}
