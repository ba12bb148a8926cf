//! What is blackened in messages that go on: what an operator never wants to see pass, and what
//! has met a rule. All other bytes stay as they are.

mod edit;
mod operator;
mod spot;

pub(crate) use edit::{Edits, Ink};
pub(crate) use operator::Redactor;
pub(crate) use spot::{Grain, spot};
