//! What becomes of a directive by its name: translated elsewhere, not needed, or left out
//! with a reason.

use super::notes::Notes;
use super::parser::Directive;

/// The blocks of nginx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Outside of all, and `events`.
    Main,
    /// `http`.
    Http,
    /// `server`.
    Server,
    /// `location`.
    Location,
    /// `upstream`.
    Upstream,
}

/// Comments for all directives of a block that are left out, in their order.
pub(super) fn left_out(directives: &[Directive], level: Level, notes: &mut Notes<'_>) -> Vec<String> {
    let mut comments = Vec::new();
    for directive in directives {
        let why = match &directive.fault {
            Some(fault) => Some(fault.clone()),
            None => reason(directive, level).map(str::to_owned),
        };
        comments.extend(why.map(|why| notes.none(directive, &why)));
    }
    comments
}

/// Why a directive is left out; `None` if it is not.
fn reason(directive: &Directive, level: Level) -> Option<&'static str> {
    let name = &*directive.name.text;
    let stands = |names: &str| names.split_ascii_whitespace().any(|known| known == name);
    if stands(MODULE) && level != Level::Server {
        return Some("nginx allows it in `server` only");
    }
    if name == "load_module" {
        return (!directive.value().contains("websocket_stat")).then_some("there are no modules to load");
    }
    if stands(TRANSLATED) || stands(NEEDLESS) || super::access::is_gate(directive) {
        return None;
    }
    if name == "map" && directive.arg(0) == Some("$http_upgrade") {
        return None;
    }
    let exact = REASONS.iter().find(|(names, _)| stands(names));
    let begins = || PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix));
    let is_lua = name.contains("_by_lua");
    let lua = is_lua.then_some(&("", "there are no scripts"));
    Some(exact.or(lua).or_else(begins).map_or("Framegate has nothing like it", |(_, why)| why))
}

/// The module's own.
const MODULE: &str = "ws_log_enabled log_enabled ws_log ws_log_format ws_max_connections ws_conn_age";

/// What other files here read, and tell of if they must.
const TRANSLATED: &str = "\
    http events server upstream location limit_conn_zone limit_req_zone log_format worker_processes worker_connections \
    worker_shutdown_timeout error_log access_log listen server_name ssl http2 return proxy_pass stub_status ws_stat \
    ws_log_enabled log_enabled ws_log ws_log_format ws_max_connections ws_conn_age ssl_certificate \
    ssl_certificate_key ssl_protocols ssl_client_certificate ssl_verify_client ssl_crl ssl_session_tickets \
    ssl_reject_handshake proxy_read_timeout proxy_send_timeout send_timeout proxy_connect_timeout client_max_body_size \
    proxy_set_header proxy_ssl_protocols proxy_pass_request_headers limit_conn limit_req allow deny auth_basic auth_request auth_jwt internal limit_except if \
    satisfy set_real_ip_from real_ip_header keepalive_timeout client_header_timeout large_client_header_buffers \
    proxy_ssl_name proxy_ssl_trusted_certificate proxy_ssl_certificate proxy_ssl_certificate_key proxy_ssl_verify \
    proxy_next_upstream proxy_next_upstream_tries try_files root alias \
    least_conn ip_hash hash random sticky keepalive auth_basic_user_file";

/// What Framegate does without being told, or what has no meaning for it.
const NEEDLESS: &str = "\
    proxy_http_version proxy_buffering proxy_request_buffering proxy_buffers proxy_buffer_size proxy_busy_buffers_size \
    proxy_max_temp_file_size proxy_temp_file_write_size proxy_temp_path client_body_temp_path client_body_buffer_size \
    client_header_buffer_size tcp_nodelay tcp_nopush sendfile sendfile_max_chunk aio directio postpone_output \
    server_tokens types types_hash_max_size types_hash_bucket_size server_names_hash_bucket_size \
    server_names_hash_max_size variables_hash_max_size variables_hash_bucket_size map_hash_bucket_size \
    map_hash_max_size proxy_headers_hash_max_size proxy_headers_hash_bucket_size default_type charset use \
    multi_accept accept_mutex worker_rlimit_nofile worker_rlimit_core worker_aio_requests daemon master_process \
    pcre_jit proxy_cache_bypass proxy_no_cache reset_timedout_connection lingering_close lingering_time \
    lingering_timeout merge_slashes server_name_in_redirect port_in_redirect absolute_redirect log_not_found \
    log_subrequest etag if_modified_since index zone ssl_session_cache ssl_session_timeout \
    ssl_prefer_server_ciphers ssl_buffer_size chunked_transfer_encoding real_ip_recursive gzip_vary gzip_proxied \
    gzip_comp_level gzip_types gzip_min_length gzip_buffers gzip_http_version gzip_disable open_log_file_cache \
    proxy_socket_keepalive proxy_ssl_server_name proxy_ssl_session_reuse keepalive_disable ntlm \
    proxy_ssl_verify_depth ssl_verify_depth connection_pool_size request_pool_size output_buffers \
    underscores_in_headers ignore_invalid_headers proxy_ignore_client_abort";

/// Why these are left out.
const REASONS: &[(&str, &str)] = &[
    ("user", "Framegate runs as who starts it (systemd: User=)"),
    ("pid", "Framegate writes no file with its process id"),
    ("stream mail", "Framegate relays HTTP and WebSocket only"),
    ("include", "the file could not be read"),
    ("rewrite rewrite_log", "paths go to the backend as they came, and there are no redirects"),
    ("map geo split_clients", "there are no variables to set"),
    ("set", "there are no variables to set"),
    ("error_page recursive_error_pages proxy_intercept_errors", "answers of the gateway have no pages"),
    ("add_header add_trailer expires", "fields of answers are left as the backend sends them"),
    (
        "proxy_hide_header proxy_pass_header proxy_ignore_headers",
        "fields of answers are left as the backend sends them",
    ),
    (
        "proxy_redirect proxy_cookie_path proxy_cookie_domain proxy_cookie_flags",
        "answers are left as the backend sends them",
    ),
    ("gzip gunzip", "answers pass as the backend sends them, and messages as the peers compress them"),
    (
        "resolver resolver_timeout",
        "names of backends are resolved by the system's settings, as often as their TTL says",
    ),
    ("client_body_timeout", "the time for bodies is `timeouts { write }` of an upstream"),
    ("keepalive_requests keepalive_time", "connections have no limit of requests"),
    ("worker_cpu_affinity worker_priority", "the system's scheduler places the workers"),
    ("env working_directory thread_pool timer_resolution lock_file", "it concerns nginx's own process"),
    ("autoindex random_index", "static files are not served"),
    (
        "limit_rate limit_rate_after proxy_limit_rate",
        "answers have no rate; of sessions the messages can have one: websocket { rate-limit … }",
    ),
    ("proxy_bind", "the system chooses the address that backends are reached from"),
    ("proxy_method proxy_set_body proxy_pass_request_body", "requests go to the backend as they came"),
    (
        "ssl_ciphers ssl_ecdh_curve ssl_dhparam ssl_conf_command",
        "the cipher suites are rustls's own: all good ones of TLS 1.2 and 1.3",
    ),
    ("ssl_trusted_certificate", "answers of OCSP are not stapled"),
    ("ssl_password_file", "keys must not be encrypted"),
    ("ssl_early_data", "early data are not accepted, since they can be replayed"),
    ("ssl_session_ticket_key", "the keys of tickets are made at the start and renewed"),
    (
        "proxy_ssl_ciphers proxy_ssl_crl proxy_ssl_conf_command",
        "the cipher suites towards backends are rustls's own, and lists of revoked certificates are not read there",
    ),
    (
        "limit_conn_status limit_req_status",
        "the limit for addresses is answered 429, the others 503, or by a Close with 1013",
    ),
    ("limit_conn_log_level limit_req_log_level", "refusals are in the access log"),
    ("limit_conn_dry_run limit_req_dry_run", "limits are not tried without effect"),
    ("mirror mirror_request_body", "requests are not copied"),
    ("queue", "a request does not wait for a place"),
    ("health_check", "write health-check { type \"http\" { path \"/\" } } in the upstream"),
    ("proxy_next_upstream_timeout", "targets are tried as often as `retries` says"),
];

/// Why directives whose names begin so are left out.
const PREFIXES: &[(&str, &str)] = &[
    ("proxy_cache", "there is no cache"),
    ("proxy_store", "there is no cache"),
    ("open_file_cache", "static files are not served"),
    ("fastcgi_", "backends are spoken to by HTTP only"),
    ("uwsgi_", "backends are spoken to by HTTP only"),
    ("scgi_", "backends are spoken to by HTTP only"),
    ("grpc_", "backends are spoken to by HTTP/1.1 only"),
    ("memcached_", "backends are spoken to by HTTP only"),
    ("gzip_", "answers pass as the backend sends them"),
    ("brotli", "answers pass as the backend sends them"),
    ("sub_filter", "answers are left as the backend sends them"),
    ("ssl_stapling", "answers of OCSP are not stapled"),
    ("ssl_ocsp", "revoked certificates are told by `crl-file` only"),
    ("http2_", "clients are spoken to by HTTP/1.1 only"),
    ("http3", "clients are spoken to by HTTP/1.1 only"),
    ("quic", "clients are spoken to by HTTP/1.1 only"),
    ("auth_", "a request is not asked who sends it"),
    ("js_", "there are no scripts"),
    ("perl", "there are no scripts"),
    ("lua_", "there are no scripts"),
    ("geoip", "there are no variables to set"),
    ("dav_", "static files are not served"),
];
