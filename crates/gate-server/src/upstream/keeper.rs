//! What goes on around targets when nobody asks for them: names are resolved anew, and
//! health is checked.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinSet, unconstrained};
use tokio::time::sleep;

use crate::upstream::cluster::Cluster;
use crate::upstream::{probe, resolve};

/// Does all of that for the clusters in use; ends when dropped. Needs a runtime, not a local one.
#[derive(Default)]
pub(crate) struct Keeper {
    /// What is done for each cluster. None of these tasks ends by itself.
    kept: Vec<(Arc<Cluster>, JoinSet<()>)>,
}

impl Keeper {
    /// From now on these clusters are in use, whose names have been resolved once. For those that
    /// were in use before all goes on as it is.
    pub(crate) fn keep(&mut self, clusters: &[Arc<Cluster>]) {
        let is_same = |one: &Arc<Cluster>, other: &Arc<Cluster>| Arc::ptr_eq(one, other);
        self.kept.retain(|(kept, _)| clusters.iter().any(|cluster| is_same(kept, cluster)));
        for cluster in clusters {
            if !self.kept.iter().any(|(kept, _)| is_same(kept, cluster)) {
                self.kept.push((Arc::clone(cluster), begin(cluster)));
            }
        }
    }
}

fn begin(cluster: &Arc<Cluster>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for target in cluster.targets() {
        let both = (Arc::clone(cluster), Arc::clone(target));
        if target.whereabouts().named().is_some() {
            let (cluster, target) = both.clone();
            tasks.spawn(persist(PAUSE, move || resolve::follow(Arc::clone(&cluster), Arc::clone(&target))));
        }
        if let Some(check) = cluster.upstream().health_check.clone() {
            let (cluster, target) = both;
            tasks.spawn(persist(PAUSE, move || {
                probe::watch(Arc::clone(&cluster), Arc::clone(&target), check.clone())
            }));
        }
    }
    tasks
}

/// Does `work`, and begins anew after `pause` should it end, which it does by a panic alone: a
/// fault met once must not leave a target as it is for good.
async fn persist<W>(pause: Duration, work: impl Fn() -> W)
where
    W: Future<Output = ()> + Send + 'static,
{
    loop {
        // In a set, so that it is over when this is dropped. Without tokio's budget, as sockets
        // need it.
        let mut task = JoinSet::new();
        task.spawn(unconstrained(work()));
        let _panicked = task.join_next().await;
        sleep(pause).await;
    }
}

/// Between a panic and the next attempt.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;
    use crate::upstream::fake::run;

    #[test]
    fn work_that_panics_is_begun_anew_and_ends_with_its_keeper() {
        let (begun, goes_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        run(async {
            let kept = persist(Duration::from_millis(1), || {
                let (begun, goes_on) = (Arc::clone(&begun), Arc::clone(&goes_on));
                async move {
                    assert!(begun.fetch_add(1, Ordering::SeqCst) >= 2, "a fault of the first two");
                    goes_on.notify_one();
                    std::future::pending().await
                }
            });
            tokio::select! {
                () = kept => {}
                () = goes_on.notified() => {}
            }
            assert_eq!(begun.load(Ordering::SeqCst), 3);
            // The last one lets go of what it holds.
            while Arc::strong_count(&begun) > 1 {
                tokio::task::yield_now().await;
            }
        });
    }
}
