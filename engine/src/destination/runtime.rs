//! The threads that network stores share.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use super::{ErrorKind, StoreError};

/// One runtime for all stores, begun when it is first needed.
///
/// # Errors
/// `Transient` if the system gives no threads.
pub(super) fn runtime() -> Result<&'static Handle, StoreError> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2).thread_name("network").enable_all();
        builder.build().map_err(|error| error.to_string())
    });
    match made {
        Ok(runtime) => Ok(runtime.handle()),
        Err(why) => Err(StoreError::new(ErrorKind::Transient, "open", "the network", why.as_str())),
    }
}
