//! Attacks and ordinary texts.
