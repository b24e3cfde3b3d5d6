//! The whole document as JSON; `earwitness schema` prints its schema.

use stage_core::printable_json;

use crate::export::{Document, ExportFormat, RenderError};

pub(in crate::export) struct Json;

impl ExportFormat for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn extension(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "All results of a recording"
    }

    fn version(&self) -> u32 {
        2
    }

    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        let text = serde_json::to_string_pretty(document).map_err(RenderError::new)?;
        Ok((printable_json(&text).into_owned() + "\n").into_bytes())
    }
}
