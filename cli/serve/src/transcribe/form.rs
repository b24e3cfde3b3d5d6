//! Reads the multipart form of a request. Its file is written to disk as it comes; nothing else may be large.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use futures_util::{Stream, TryStreamExt};
use multer::{Field, Multipart};

use super::upload_folder::{UploadError, UploadFolder, UploadedFile};
use crate::error::ApiError;

/// Bytes of the text of a field.
const LONGEST_TEXT: usize = 16 << 10;
/// Fields of a form.
const MOST_FIELDS: usize = 32;
/// Bytes that the parser may hold back, such as headers of a field that never end. One chunk of a body is far smaller.
const MOST_HELD: usize = 2 << 20;

/// The fields of a form.
#[derive(Debug)]
pub(super) struct UploadForm {
    pub(super) file: Option<UploadedFile>,
    /// Names and texts, in the order of the form.
    pub(super) texts: Vec<(String, String)>,
}

/// What a stream of a body ends with, if not with its end.
#[derive(Debug, thiserror::Error)]
enum BodyError {
    #[error("the body was cut off")]
    Cut(#[source] axum::Error),
    #[error("a field has headers that are too long")]
    Held,
}

/// Reads a form.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    folder: &UploadFolder,
    limit: u64,
) -> Result<UploadForm, ApiError> {
    let boundary = boundary(headers)?;
    let held = Arc::new(AtomicUsize::new(0));
    let mut fields = Multipart::new(counted(body, Arc::clone(&held)), boundary);
    let mut form = UploadForm { file: None, texts: Vec::new() };
    for _ in 0..=MOST_FIELDS {
        let Some(field) = fields.next_field().await.map_err(malformed)? else { return Ok(form) };
        held.store(0, Ordering::Relaxed);
        match field.name().unwrap_or_default() {
            "file" if form.file.is_some() => return Err(ApiError::parameter("file", "Send one file per request")),
            "file" => form.file = Some(store(field, folder, limit, &held).await?),
            _ => form.texts.push(text(field, &held).await?),
        }
    }
    Err(ApiError::bad_request(format!("The form has more than {MOST_FIELDS} fields")))
}

fn boundary(headers: &HeaderMap) -> Result<String, ApiError> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wrong = |_| ApiError::media_type("Send the request as multipart/form-data with a boundary");
    multer::parse_boundary(value).map_err(wrong)
}

/// A body that ends with an error if too much of it is held back. Whoever takes data from the parser sets `held` to 0.
fn counted(body: Body, held: Arc<AtomicUsize>) -> impl Stream<Item = Result<Bytes, BodyError>> {
    body.into_data_stream().map_err(BodyError::Cut).and_then(move |chunk| {
        let now = held.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
        std::future::ready(if now > MOST_HELD.max(chunk.len()) { Err(BodyError::Held) } else { Ok(chunk) })
    })
}

/// Writes the field to a file.
async fn store(
    mut field: Field<'_>,
    folder: &UploadFolder,
    limit: u64,
    held: &AtomicUsize,
) -> Result<UploadedFile, ApiError> {
    let mut upload = folder.create(field.file_name()).map_err(not_stored)?;
    while let Some(chunk) = field.chunk().await.map_err(malformed)? {
        held.store(0, Ordering::Relaxed);
        if upload.bytes() + chunk.len() as u64 > limit {
            return Err(ApiError::too_large(limit));
        }
        upload.write(&chunk).await.map_err(not_stored)?;
    }
    if upload.bytes() == 0 {
        return Err(ApiError::parameter("file", "The file is empty"));
    }
    upload.finish().await.map_err(not_stored)
}

fn not_stored(error: UploadError) -> ApiError {
    match error {
        UploadError::Full => tracing::warn!("the folder for uploads has reached its limit"),
        UploadError::Io(ref error) => tracing::error!(kind = ?error.kind(), "an upload cannot be written"),
    }
    ApiError::unavailable("The server has no space for the file at present; try again later", Some(30))
}

/// The name and text of a field.
async fn text(mut field: Field<'_>, held: &AtomicUsize) -> Result<(String, String), ApiError> {
    let name = field.name().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(malformed)? {
        held.store(0, Ordering::Relaxed);
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST_TEXT {
            return Err(ApiError::parameter(name, format!("A field has at most {LONGEST_TEXT} bytes")));
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok((name, text)),
        Err(_) => Err(ApiError::parameter(name, "A field must be valid UTF-8")),
    }
}

fn malformed(error: multer::Error) -> ApiError {
    let reason = match error {
        multer::Error::IncompleteFieldData { .. }
        | multer::Error::IncompleteHeaders
        | multer::Error::IncompleteStream => "it ends before its last boundary",
        multer::Error::StreamReadFailed(cause) => match cause.downcast_ref::<BodyError>() {
            Some(BodyError::Held) => "a field has headers that are too long",
            _ => "it was cut off",
        },
        _ => "its fields have invalid headers",
    };
    ApiError::bad_request(format!("The form cannot be read: {reason}; send it again as multipart/form-data"))
}
