//! Paths of files: relative ones are relative to nginx's folders, and Framegate's to its file.

use super::Options;

/// Where relative paths lead.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    certificates: String,
    logs: String,
}

impl Paths {
    pub(super) fn new(options: &Options) -> Self {
        Self { certificates: options.folder.clone(), logs: options.log_folder.clone() }
    }

    /// A certificate, a key, a list of revoked certificates.
    pub(super) fn certificate(&self, path: &str) -> String {
        whole(&self.certificates, path)
    }

    pub(super) fn log(&self, path: &str) -> String {
        whole(&self.logs, path)
    }
}

fn whole(folder: &str, path: &str) -> String {
    if folder.is_empty() || path.starts_with('/') {
        return path.to_owned();
    }
    format!("{}/{path}", folder.trim_end_matches('/'))
}
