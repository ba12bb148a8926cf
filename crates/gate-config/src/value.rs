//! Texts that stand for something: each function takes the text of one value and answers
//! what it means, or what is wrong with it in a few words.

mod address;
mod field;
mod name;
mod quantity;
mod rate;
mod syslog;
mod url;

pub(crate) use address::{
    Fault, Speaks, capture_address, is_too_long, listen_address, metrics_address, network, port_range,
    target_address,
};
pub(crate) use field::{
    header_name, host_header, is_header_value, method, path_pattern, regex, request_path, token,
};
pub(crate) use name::{host_pattern, server_name, sni_name};
pub(crate) use quantity::{DURATION_MAX, duration, mode, size};
pub(crate) use rate::{count_rate, size_rate};
pub(crate) use syslog::syslog;
pub(crate) use url::{Schemes, allowed_origin, url};
