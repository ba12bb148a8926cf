//! What the inspected sessions of one worker share: room for decoding, and the one inflater of
//! all messages that can be inflated by themselves.

use std::cell::RefCell;

use gate_inspect::Scratch;
use ws_proto::deflate::inflate::Inflater;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) scratch: RefCell<Scratch>,
    pub(crate) inflater: RefCell<Inflater>,
}
