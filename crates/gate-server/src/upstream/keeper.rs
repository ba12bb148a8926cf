//! What goes on around targets when nobody asks for them: names are resolved anew, and
//! health is checked.

use std::sync::Arc;

use tokio::task::{JoinSet, unconstrained};

use crate::upstream::cluster::Cluster;
use crate::upstream::{probe, resolve};

/// Does all of that for all clusters, for ever; to be dropped to end it. Expects the names
/// to have been resolved once. Needs a runtime, not a local one.
pub(crate) async fn keep(clusters: &[Arc<Cluster>]) {
    let mut tasks = JoinSet::new();
    for cluster in clusters {
        for target in cluster.targets() {
            if target.whereabouts().named().is_some() {
                tasks.spawn(resolve::follow(Arc::clone(cluster), Arc::clone(target)));
            }
            if let Some(check) = cluster.upstream().health_check.clone() {
                // Without tokio's budget, as sockets need it.
                tasks.spawn(unconstrained(probe::watch(Arc::clone(cluster), Arc::clone(target), check)));
            }
        }
    }
    // None of them ends; where there is none, there is nothing to do.
    while tasks.join_next().await.is_some() {}
    std::future::pending().await
}
