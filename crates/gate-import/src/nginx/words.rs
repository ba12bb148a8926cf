//! Which names are directives with a block and which without: enough to tell where a `;`
//! or a `{` is missing. nginx's modules have more names than these, and those pass.

use super::parser::Directive;
use crate::fault::Fault;
use crate::source::Place;

/// Names that stand with a block only.
const BLOCKS: &str = "events http stream mail location map types limit_except if";

/// Names that stand without a block only.
const SIMPLE: &str = "\
    access_log add_header alias allow auth_basic auth_basic_user_file auth_request client_max_body_size \
    default_type deny error_log error_page gzip hash include index internal ip_hash keepalive keepalive_timeout \
    least_conn limit_conn limit_conn_zone limit_req limit_req_zone listen load_module log_enabled pid \
    proxy_buffering proxy_cache_bypass proxy_connect_timeout proxy_http_version proxy_pass proxy_read_timeout \
    proxy_redirect proxy_send_timeout proxy_set_header real_ip_header resolver return rewrite root satisfy \
    send_timeout sendfile server_name server_tokens set set_real_ip_from ssl_certificate ssl_certificate_key \
    ssl_ciphers ssl_client_certificate ssl_crl ssl_protocols ssl_session_cache ssl_session_tickets \
    ssl_session_timeout ssl_verify_client stub_status tcp_nodelay tcp_nopush try_files user worker_connections \
    worker_processes ws_conn_age ws_log ws_log_enabled ws_log_format ws_max_connections ws_stat";

/// Of these the ones whose arguments may be such names themselves.
const TAKES_NAMES: &str = "error_page rewrite set add_header proxy_set_header";

fn stands_in(names: &str, name: &str) -> bool {
    names.split_ascii_whitespace().any(|known| known == name)
}

/// Whether a word at the beginning of a line is the next directive, so that a `;` is missing
/// before it. Only told where the arguments before it are not names themselves.
pub(super) fn begins_another(directive: &Directive, word: &str) -> bool {
    let is_name = stands_in(SIMPLE, word) || stands_in(BLOCKS, word) || matches!(word, "server" | "upstream");
    is_name && stands_in(SIMPLE, &directive.name.text) && !stands_in(TAKES_NAMES, &directive.name.text)
}

/// What is wrong with a directive that ended with `;`.
pub(super) fn judge_simple(directive: &Directive) -> Result<(), Fault> {
    let name = &*directive.name.text;
    if !stands_in(BLOCKS, name) {
        return Ok(());
    }
    let (message, help) = (format!("`{name}` has no block"), format!("write {name} … {{ … }}"));
    Err(Fault::new(directive.place().behind(), message, "a `{` is missing here", help))
}

/// What is wrong with a directive that ended with `{`.
pub(super) fn judge_block(directive: &Directive, open: Place) -> Result<(), Fault> {
    let name = &*directive.name.text;
    if stands_in(SIMPLE, name) {
        let help = format!("write {name} …; a text that has a `{{` or `;` in it needs quotes");
        return Err(Fault::new(open, format!("`{name}` takes no block"), "a `;` belongs here", help));
    }
    let is_written = |least, most| (least..=most).contains(&directive.args.len());
    let right = match name {
        "location" if !is_written(1, 2) => {
            "location /path { … }, or location = | ^~ | ~ | ~* path { … }; a path or \
                                            expression that has a `{` or `;` in it needs quotes"
        }
        "upstream" if !is_written(1, 1) => "upstream name { … }",
        "server" if !is_written(0, 0) => "server { … }",
        "http" | "events" | "stream" if !is_written(0, 0) => "the name and its block: http { … }",
        _ => return Ok(()),
    };
    let count = directive.args.len();
    let message = format!("`{name}` has {count} argument{}", if count == 1 { "" } else { "s" });
    Err(Fault::new(directive.place(), message, "not as it should be", format!("write {right}")))
}
