//! From the names in requests to addresses. What was found is believed for as long as the DNS
//! says, so that not every session asks for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::{self, within};
use crate::upstream::resolve;

/// See the module. Of one route, for all workers.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashMap<String, Found>>);

#[derive(Clone, Debug)]
struct Found {
    addresses: Vec<IpAddr>,
    until: Instant,
}

impl Names {
    /// The addresses of a name, of which there is at least one.
    ///
    /// # Errors
    /// Why there are none.
    pub(super) async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        if let Some(known) = self.known(host) {
            return Ok(known);
        }
        // Boxed: few requests come here, and all of them would be the larger for it.
        let looking = Box::pin(resolve::look_up(host));
        let (addresses, lasting) =
            within(LOOKUP_TIME_MAX, looking).await.unwrap_or_else(|| Err("it takes too long".to_owned()))?;
        self.keep(host, Found { addresses: addresses.clone(), until: clock::now() + lasting });
        Ok(addresses)
    }

    fn known(&self, host: &str) -> Option<Vec<IpAddr>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(host).filter(|found| clock::now() < found.until)?;
        Some(found.addresses.clone())
    }

    fn keep(&self, host: &str, found: Found) {
        let now = clock::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NAMES_MAX {
            known.retain(|_, found| now < found.until);
        }
        // However many names are in use, no more of them are kept.
        if known.len() < NAMES_MAX {
            known.insert(host.to_owned(), found);
        }
    }
}

const LOOKUP_TIME_MAX: Duration = Duration::from_secs(5);
/// Names that are kept.
const NAMES_MAX: usize = 1024;
