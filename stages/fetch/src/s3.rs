//! S3, and stores with its API.

use std::fs::File;
use std::io::Write;
use std::sync::Once;
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};

use crate::Failure;

pub(crate) fn copy(url: &str, file: &mut File, left: Duration) -> Result<(), Failure> {
    static PROVIDER: Once = Once::new();
    // The first one wins, and it is the same one everywhere in the program.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::Copy)?.block_on(async {
        let late = |_| Err(Failure::Interrupted(format!("the transfer took longer than {} s", left.as_secs())));
        tokio::time::timeout(left, get(url, file)).await.unwrap_or_else(late)
    })
}

async fn get(url: &str, file: &mut File) -> Result<(), Failure> {
    let (bucket, key) = url.trim_start_matches("s3://").split_once('/').unwrap_or_default();
    let key = Path::from_url_path(key).map_err(|error| Failure::Refused(error.to_string()))?;
    let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build().map_err(failure)?;
    let mut blocks = store.get(&key).await.map_err(failure)?.into_stream();
    while let Some(block) = blocks.try_next().await.map_err(failure)? {
        file.write_all(&block).map_err(Failure::Copy)?;
    }
    Ok(())
}

/// `object_store` has tried several times what may succeed later.
fn failure(error: Error) -> Failure {
    match error {
        Error::NotFound { .. } => Failure::Refused("there is no such object".to_owned()),
        Error::Unauthenticated { .. } | Error::PermissionDenied { .. } => {
            Failure::Refused("the credentials of AWS_ACCESS_KEY_ID do not permit to read it".to_owned())
        }
        Error::Generic { .. } => Failure::Interrupted(error.to_string()),
        other => Failure::Refused(other.to_string()),
    }
}
