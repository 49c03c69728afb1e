//! Work that takes a while, kept off the async threads.

/// Work on fewer bytes is done at once: handing it over would take longer.
const SMALL_BYTES: usize = 128 * 1024;

/// The result of `work`, which goes over so many bytes. A panic in it goes on
/// here.
pub(super) async fn sized<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if bytes < SMALL_BYTES {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(0, true ; "little at once")]
    #[test_case(SMALL_BYTES, false ; "much elsewhere")]
    #[tokio::test]
    async fn work_is_done_where_it_belongs(bytes: usize, here: bool) {
        let this = std::thread::current().id();
        assert_eq!(sized(bytes, move || std::thread::current().id() == this).await, here);
    }

    #[tokio::test]
    async fn a_panic_is_not_lost() {
        let task = tokio::spawn(sized(SMALL_BYTES, || panic!("scripted")));
        assert!(task.await.unwrap_err().is_panic());
    }
}
