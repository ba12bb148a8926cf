//! What makes a whole text one of no use: it is not OpenSIPS' at all, or a socket has no port
//! that there is.

use crate::fault::Fault;
use crate::source::Place;

use super::parser::{Says, Statement};
use super::socket::wrong_port;

/// The statements, if something can be made of them.
pub(super) fn judged(statements: Vec<Statement>) -> Result<Vec<Statement>, Fault> {
    if !statements.iter().any(is_of_opensips) {
        let place = statements.first().map_or_else(Place::default, |statement| statement.place);
        let help = "an opensips.cfg has lines like socket=wss:10.0.0.1:443, loadmodule \"proto_wss.so\", modparam(…)";
        let what = "nothing in it is a statement of OpenSIPS";
        return Err(Fault::new(place, what, "is this another server's file?", help));
    }
    let mut sockets = statements.iter().filter_map(|statement| match &statement.says {
        Says::Setting { name, values } if is_socket(name) => values.first(),
        Says::Setting { .. }
        | Says::Module(_)
        | Says::Parameter { .. }
        | Says::Route { .. }
        | Says::Include
        | Says::Preprocessor
        | Says::Unknown => None,
    });
    let wrong = sockets.find_map(|value| Some((value.place, wrong_port(&value.text)?)));
    match wrong {
        Some((place, port)) => {
            let what = format!("`{}` is no port", port.escape_debug());
            Err(Fault::new(place, what, "this socket", "ports are 1 to 65535"))
        }
        None => Ok(statements),
    }
}

fn is_of_opensips(statement: &Statement) -> bool {
    match &statement.says {
        Says::Module(_)
        | Says::Parameter { .. }
        | Says::Route { .. }
        | Says::Include
        | Says::Preprocessor => true,
        Says::Setting { name, .. } => is_socket(name),
        Says::Unknown => false,
    }
}

fn is_socket(name: &str) -> bool {
    ["socket", "listen"].iter().any(|known| known.eq_ignore_ascii_case(name))
}
