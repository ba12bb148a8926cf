//! Words of SQL in the roles that the rules ask for.
//!
//! All dialects at once: what one of them understands is a keyword here.

use std::sync::LazyLock;

/// What a word may be in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Or,
    And,
    Not,
    Union,
    /// `all`, `distinct` and other words between a verb and its list.
    Quantifier,
    Select,
    From,
    Where,
    Having,
    Order,
    Group,
    By,
    /// `like` and its relatives: comparators in letters.
    Like,
    Is,
    In,
    Between,
    Null,
    /// `true`, `false`.
    Constant,
    Insert,
    Into,
    Update,
    Set,
    Delete,
    /// `drop`, `create`, `alter`, `truncate`.
    Define,
    /// What can be defined.
    Object,
    Values,
    Exec,
    Declare,
    Grant,
    To,
    WaitFor,
    /// `delay`, `time` behind `waitfor`.
    Delay,
    Shutdown,
    Case,
    When,
    If,
    As,
    Exists,
    /// `outfile`, `dumpfile`.
    File,
    Procedure,
    Limit,
    /// Functions that make a query wait, where prose and other languages know them too.
    Sleep,
    /// Functions that make a query wait and that only databases have.
    DatabaseSleep,
    /// Functions whose error messages are made to tell secrets.
    Telltale,
    /// Shapes of MySQL that quote their argument in an error.
    Shape,
    /// `char`, `chr`, `nchar`: text out of numbers.
    Char,
    /// Functions that probe values piece by piece.
    Probe,
    /// `load_file` and others that read or reach out.
    Reach,
    Convert,
    /// Procedures of the system, as `xp_cmdshell`.
    SystemProcedure,
    /// Tables that describe the database.
    Catalogue,
    /// Columns of those tables.
    CatalogueColumn,
    /// Words that no table or column is called by: a sentence, not a query.
    Prose,
    Other,
}

impl Word {
    /// What `word`, in lower case, is.
    pub(super) fn of(word: &[u8]) -> Self {
        if word.len() < 2 || word.len() > 40 {
            return Self::Other;
        }
        Self::known(word).unwrap_or_else(|| Self::by_part(word))
    }

    /// What `word` is to who only looks for suspicious words.
    pub(super) fn clue(word: &[u8]) -> Self {
        if CLUES.get(slot(word)) == Some(&true) || word.contains(&b'_') {
            Self::of(word)
        } else {
            Self::Other
        }
    }

    const fn is_clue(self) -> bool {
        !matches!(
            self,
            Self::Other
                | Self::Prose
                | Self::Probe
                | Self::Object
                | Self::To
                | Self::As
                | Self::CatalogueColumn
                | Self::Quantifier
                | Self::From
                | Self::Into
        )
    }

    fn known(word: &[u8]) -> Option<Self> {
        let (_, role) = INDEX.get(slot(word))?.iter().find(|(known, _)| **known == *word)?;
        Some(*role)
    }

    /// Names of which one part says what they are.
    fn by_part(word: &[u8]) -> Self {
        if word.starts_with(b"information_schema") {
            return Self::Catalogue;
        }
        if memchr::memchr2(b'_', b'.', word).is_none() {
            return Self::Other;
        }
        let last = word.rsplit(|byte| *byte == b'.').next().unwrap_or(word);
        if (last.starts_with(b"xp_") || last.starts_with(b"sp_")) && last.len() > 4 {
            return Self::SystemProcedure;
        }
        if last.len() < word.len() && Self::known(last) == Some(Self::Catalogue) {
            return Self::Catalogue;
        }
        Self::Other
    }

    /// Whether it can be the name of a table or column.
    pub(super) const fn is_name(self) -> bool {
        matches!(
            self,
            Self::Other
                | Self::Catalogue
                | Self::CatalogueColumn
                | Self::Object
                | Self::Delay
                | Self::Char
                | Self::Probe
                | Self::Sleep
                | Self::Shape
        )
    }
}

/// Which words play which role.
const VOCABULARY: &[(Word, &[&str])] = &[
    (Word::Or, &["or", "xor"]),
    (Word::And, &["and"]),
    (Word::Not, &["not", "binary"]),
    (Word::Union, &["union", "intersect", "except", "minus"]),
    (Word::Quantifier, &["all", "distinct", "distinctrow", "top", "any"]),
    (Word::Select, &["select"]),
    (Word::From, &["from"]),
    (Word::Where, &["where"]),
    (Word::Having, &["having"]),
    (Word::Order, &["order"]),
    (Word::Group, &["group"]),
    (Word::By, &["by"]),
    (Word::Like, &["like", "rlike", "ilike", "regexp", "glob", "div", "mod"]),
    (Word::Is, &["is"]),
    (Word::In, &["in"]),
    (Word::Between, &["between"]),
    (Word::Null, &["null"]),
    (Word::Constant, &["true", "false"]),
    (Word::Insert, &["insert", "replace"]),
    (Word::Into, &["into"]),
    (Word::Update, &["update"]),
    (Word::Set, &["set"]),
    (Word::Delete, &["delete"]),
    (Word::Define, &["drop", "create", "alter", "truncate"]),
    (
        Word::Object,
        &[
            "table",
            "database",
            "user",
            "view",
            "function",
            "index",
            "schema",
            "column",
            "trigger",
            "login",
            "role",
            "extension",
            "event",
            "sequence",
        ],
    ),
    (Word::Values, &["values"]),
    (Word::Exec, &["exec", "execute"]),
    (Word::Declare, &["declare"]),
    (Word::Grant, &["grant", "revoke"]),
    (Word::To, &["to"]),
    (Word::WaitFor, &["waitfor"]),
    (Word::Delay, &["delay", "time"]),
    (Word::Shutdown, &["shutdown"]),
    (Word::Case, &["case"]),
    (Word::When, &["when"]),
    (Word::If, &["if", "iif"]),
    (Word::As, &["as"]),
    (Word::Exists, &["exists"]),
    (Word::File, &["outfile", "dumpfile"]),
    (Word::Procedure, &["procedure"]),
    (Word::Limit, &["limit"]),
    (
        Word::Prose,
        &[
            "the",
            "an",
            "your",
            "my",
            "our",
            "their",
            "his",
            "her",
            "its",
            "this",
            "that",
            "these",
            "those",
            "it",
            "them",
            "you",
            "me",
            "us",
            "we",
            "they",
            "which",
            "what",
            "one",
            "some",
            "each",
            "every",
            "both",
            "more",
            "with",
            "for",
            "on",
            "of",
            "at",
            "below",
            "above",
            "here",
            "there",
            "are",
            "was",
            "were",
            "be",
            "can",
            "will",
            "should",
            "must",
            "has",
            "have",
            "another",
            "several",
            "many",
            "among",
            "within",
            "via",
            "statement",
            "statements",
            "query",
            "queries",
            "clause",
            "clauses",
            "keyword",
        ],
    ),
    (Word::Sleep, &["sleep"]),
    (
        Word::DatabaseSleep,
        &[
            "pg_sleep",
            "pg_sleep_for",
            "pg_catalog.pg_sleep",
            "dbms_pipe.receive_message",
            "dbms_lock.sleep",
            "dbms_session.sleep",
            "user_lock.sleep",
            "benchmark",
            "randomblob",
            "generate_series",
            "sleepfor",
            "get_lock",
        ],
    ),
    (
        Word::Telltale,
        &[
            "extractvalue",
            "updatexml",
            "name_const",
            "gtid_subset",
            "gtid_subtract",
            "json_keys",
            "json_depth",
            "xmltype",
            "ctxsys.drithsx.sn",
            "exp",
            "analyse",
            "st_latfromgeohash",
            "st_longfromgeohash",
            "dbms_utility.sqlid_to_sqlhash",
            "ordsys.ord_dicom.getmappingxpath",
            "uuid_to_bin",
            "bin_to_uuid",
            "raise_error",
            "file_name",
            "type_name",
        ],
    ),
    (
        Word::Shape,
        &["geometrycollection", "polygon", "multipoint", "linestring", "multilinestring", "multipolygon"],
    ),
    (Word::Char, &["char", "chr", "nchar", "unichar"]),
    (
        Word::Probe,
        &[
            "ascii",
            "ord",
            "substring",
            "substr",
            "mid",
            "unhex",
            "hex",
            "concat",
            "concat_ws",
            "group_concat",
            "string_agg",
            "listagg",
            "length",
            "char_length",
            "count",
            "version",
            "sqlite_version",
            "db_name",
            "current_database",
            "system_user",
            "session_user",
            "current_user",
            "is_srvrolemember",
            "suser_name",
            "user_name",
            "host_name",
            "elt",
            "make_set",
            "ifnull",
            "isnull",
            "nvl",
            "nullif",
            "coalesce",
            "md5",
            "sha1",
            "lpad",
            "rpad",
            "strcmp",
            "instr",
            "locate",
            "position",
            "rand",
            "floor",
            "min",
            "max",
            "upper",
            "lower",
            "quotename",
            "row",
            "row_count",
            "found_rows",
            "connection_id",
            "pi",
            "bitand",
            "stuff",
            "rtrim",
            "ltrim",
            "reverse",
            "conv",
            "bin",
            "collation",
            "left",
            "right",
            "array_agg",
            "xmlagg",
            "query_to_xml",
            "database_to_xml",
            "ascii_str",
            "unicode",
            "load_extension",
            "json_valid",
            "json_extract",
            "json_length",
            "json_type",
            "json_value",
            "json_exists",
            "json_contains",
            "json_array_length",
            "jsonb_path_exists",
            "isjson",
            "object_name",
            "col_name",
            "greatest",
            "least",
            "find_in_set",
            "crc32",
            "binary_checksum",
            "last_insert_rowid",
            "get_bit",
        ],
    ),
    (
        Word::Reach,
        &[
            "load_file",
            "utl_http.request",
            "utl_inaddr.get_host_address",
            "httpuritype",
            "utl_inaddr.get_host_name",
            "dbms_ldap.init",
            "pg_read_file",
            "pg_ls_dir",
            "lo_import",
            "lo_export",
            "dblink",
            "dblink_connect",
            "openrowset",
            "opendatasource",
            "openquery",
            "sys_eval",
            "sys_exec",
            "bulk_insert",
            "fn_xe_file_target_read_file",
            "fn_get_audit_file",
            "fn_trace_gettable",
            "dbms_xmlgen.getxml",
            "dbms_java.runjava",
            "dbms_scheduler.create_job",
        ],
    ),
    (Word::Convert, &["convert", "cast", "try_convert", "to_number", "try_cast"]),
    (
        Word::Catalogue,
        &[
            "sysobjects",
            "syscolumns",
            "sysdatabases",
            "sysusers",
            "syslogins",
            "mysql.user",
            "mysql.db",
            "pg_shadow",
            "pg_user",
            "pg_authid",
            "pg_catalog.pg_tables",
            "pg_tables",
            "pg_class",
            "pg_database",
            "all_tables",
            "all_tab_columns",
            "all_users",
            "user_tables",
            "user_tab_columns",
            "dba_users",
            "dba_tables",
            "v$version",
            "v$instance",
            "v$database",
            "sqlite_master",
            "sqlite_schema",
            "sql_logins",
            "dba_sys_privs",
            "dba_role_privs",
            "user_sys_privs",
            "pg_stat_activity",
            "syscat.tabauth",
            "sysibm.sysversions",
            "msysobjects",
            "msysaccessobjects",
            "domain.tables",
            "domain.columns",
            "syscat.tables",
            "syscat.columns",
            "sysibm.sysdummy1",
            "sysibm.systables",
            "rdb$database",
            "sys.user$",
            "mysql.innodb_table_stats",
            "sys.databases",
            "sys.tables",
            "sys.objects",
            "sys.columns",
        ],
    ),
    (
        Word::CatalogueColumn,
        &[
            "table_name",
            "column_name",
            "table_schema",
            "schema_name",
            "schemaname",
            "tablename",
            "schemata",
            "banner",
            "tbl_name",
        ],
    ),
];

/// A word and its role.
type Entry = (Box<[u8]>, Word);

/// The vocabulary by [`slot`], with the keywords of [`DOUBLED`] written into themselves.
static INDEX: LazyLock<Vec<Vec<Entry>>> = LazyLock::new(|| {
    let mut index = vec![Vec::new(); SLOTS];
    let mut add = |word: Vec<u8>, role| {
        if let Some(slot) = index.get_mut(slot(&word)) {
            slot.push((word.into_boxed_slice(), role));
        }
    };
    for (role, words) in VOCABULARY {
        for word in *words {
            add(word.as_bytes().to_vec(), *role);
        }
    }
    for (keyword, role) in DOUBLED {
        for cut in 1..keyword.len() {
            let (head, tail) = keyword.split_at(cut);
            add([head, keyword, tail].concat(), role);
        }
    }
    index
});

/// Which slots have words that make a text suspicious.
static CLUES: LazyLock<Vec<bool>> =
    LazyLock::new(|| INDEX.iter().map(|words| words.iter().any(|(_, role)| role.is_clue())).collect());

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    LazyLock::force(&INDEX);
    LazyLock::force(&CLUES);
}

const SLOTS: usize = 1024;

/// Where a word would stand in the index: few share a slot, and most words of prose find it empty.
fn slot(word: &[u8]) -> usize {
    let byte = |at: Option<&u8>| at.copied().map_or(0, usize::from);
    let middle = byte(word.get(word.len() / 2));
    (byte(word.first()) * 7 + byte(word.last()) * 31 + middle * 129 + word.len() * 67) % SLOTS
}

/// Keywords that are hidden in themselves: what is left when a filter cuts them out once.
const DOUBLED: [(&[u8], Word); 5] = [
    (b"or", Word::Or),
    (b"and", Word::And),
    (b"union", Word::Union),
    (b"select", Word::Select),
    (b"from", Word::From),
];
