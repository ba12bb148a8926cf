//! The token that stands in a file.

use std::fs;

use gate_config::model::{Admin, Objection, Secret};

/// What stands in the first line of `token-file`, where there is one.
///
/// # Errors
/// It cannot be read, or is no token.
pub(crate) fn read(admin: &Admin) -> Result<Option<Secret>, Objection> {
    let Some(file) = &admin.token_file else { return Ok(None) };
    let objection =
        |message: String, help: &str| Objection { place: file.place, message, help: help.to_owned() };
    let path = file.value.display();
    let text = fs::read_to_string(&file.value).map_err(|error| {
        objection(
            format!("the token cannot be read from {path}: {error}"),
            "name a file that the gateway's user can read",
        )
    })?;
    let token = Secret::new(text.lines().next().unwrap_or_default().trim());
    token.map(Some).ok_or_else(|| {
        objection(
            format!("the first line of {path} is no token"),
            "a token is of visible characters of ASCII; `openssl rand -hex 32` makes a good one",
        )
    })
}

#[cfg(test)]
mod tests {
    use gate_config::model::{At, ListenAddress};

    use super::*;

    fn read_from(content: Option<&str>) -> Result<Option<String>, String> {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("framegate-token-{}-{:?}", std::process::id(), content.map(str::len)));
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let admin = Admin {
            address: At::nowhere(ListenAddress::Tcp(([127, 0, 0, 1], 9091).into())),
            token: None,
            token_file: Some(At::nowhere(path.clone())),
            hosts: Vec::new(),
        };
        let read = read(&admin);
        let _was_there = fs::remove_file(&path);
        read.map(|token| token.map(|token| token.reveal().to_owned())).map_err(|objection| objection.message)
    }

    #[test]
    fn the_first_line_is_the_token() {
        for content in ["a-token", "a-token\n", "a-token \r\nand more\n"] {
            assert_eq!(read_from(Some(content)), Ok(Some("a-token".to_owned())), "{content:?}");
        }
    }

    #[test]
    fn a_file_without_a_token_is_objected_to() {
        for content in ["", "\n", "two words", "\na-token"] {
            let message = read_from(Some(content)).unwrap_err();
            assert!(message.ends_with(" is no token"), "{message}");
        }
        assert!(read_from(None).unwrap_err().starts_with("the token cannot be read from "));
    }
}
