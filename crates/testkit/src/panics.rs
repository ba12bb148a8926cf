//! Counts panics on the threads of gateways. A panicking task does not end its worker,
//! so that without a count nobody would see it.

use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

static COUNT: AtomicUsize = AtomicUsize::new(0);
static HOOK: Once = Once::new();

/// Counts from here on; panics are still printed.
pub fn watch() {
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name().is_some_and(is_of_a_gateway) {
                COUNT.fetch_add(1, Ordering::Relaxed);
            }
            print(info);
        }));
    });
}

/// Panics since [`watch`], of all gateways in the process.
#[must_use]
pub fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

fn is_of_a_gateway(thread: &str) -> bool {
    thread.starts_with("worker-") || matches!(thread, "support" | "records")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_on_a_worker_is_counted() {
        watch();
        let before = count();
        let worker = thread::Builder::new().name("worker-0".to_owned()).spawn(|| panic!("as planned"));
        assert!(worker.unwrap().join().is_err());
        assert_eq!(count(), before + 1);
    }
}
