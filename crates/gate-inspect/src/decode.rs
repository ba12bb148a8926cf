//! All that a message may mean once encodings are taken off it.

use crate::inspection::Subject;
use crate::settings::DecodeLimits;

/// The texts of a message.
#[derive(Debug, Default)]
pub(crate) struct Views {}

pub(crate) fn decode(_subject: &Subject<'_>, _limits: &DecodeLimits, _views: &mut Views) {}
