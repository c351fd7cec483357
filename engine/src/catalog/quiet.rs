//! Catches a panic inside redb on a damaged file, without the panic's message on standard error.
//!
//! The hook is the process's: it is wrapped once, and says nothing only on a thread that is inside [`quietly`].

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::error::Result;
use super::redb_error::damaged_file;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

static WRAP_HOOK: Once = Once::new();

/// Runs `work`; a panic in it is damage of the file.
pub fn quietly<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    WRAP_HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    // What `work` leaves half done is redb's handle, and that is dropped after a panic.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    result.unwrap_or_else(|panic| Err(damaged_file(&format!("redb panicked: {}", text(panic.as_ref())))))
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::CatalogError;

    #[test]
    fn a_panic_is_damage_and_the_next_call_works() {
        let caught = quietly::<()>(|| panic!("page 7"));
        assert!(matches!(caught, Err(CatalogError::Damaged { what, .. }) if what.contains("page 7")));
        assert_eq!(quietly(|| Ok(1)).expect("no panic"), 1);
        assert!(!QUIET.get());
    }
}
