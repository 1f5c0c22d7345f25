//! The file that `sanctuary user create --tokens` writes: one person a line.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::UserId;
use serde::Deserialize;
use std::path::Path;

/// A person with an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) id: UserId,
    pub(crate) token: String,
}

/// Why there are no people.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokensError {
    #[error("{path}: {error}")]
    Unreadable { path: String, error: std::io::Error },
    #[error("{path}, line {line}: neither `<user_id> <access_token>` nor a JWT with `sub`")]
    BadLine { path: String, line: usize },
    #[error(
        "{path} holds {found} people and {wanted} are needed; \
         make more: sanctuary user create --count {wanted} --tokens {path}"
    )]
    TooFew { path: String, found: usize, wanted: usize },
}

/// The first `wanted` people of a file.
pub(crate) fn read(path: &Path, wanted: usize) -> Result<Vec<Credentials>, TokensError> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| TokensError::Unreadable { path: name(), error })?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let people: Vec<Credentials> = lines
        .take(wanted)
        .map(|(at, line)| {
            parse(line).ok_or_else(|| TokensError::BadLine { path: name(), line: at + 1 })
        })
        .collect::<Result<_, _>>()?;
    if people.len() < wanted {
        return Err(TokensError::TooFew { path: name(), found: people.len(), wanted });
    }
    Ok(people)
}

fn parse(line: &str) -> Option<Credentials> {
    let mut words = line.split_whitespace();
    match (words.next()?, words.next()) {
        (id, Some(token)) => Some(Credentials { id: id.parse().ok()?, token: token.to_owned() }),
        (token, None) => Some(Credentials { id: subject(token)?, token: token.to_owned() }),
    }
}

/// `sub` of a JWT (RFC 7519), unverified: the server does that.
fn subject(token: &str) -> Option<UserId> {
    #[derive(Deserialize)]
    struct Payload {
        sub: String,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Payload>(&payload).ok()?.sub.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    #[test]
    fn a_line_is_an_id_and_a_token_or_a_jwt() {
        let pair = parse(&format!(" {ID}\ta.b.c ")).map(|c| (c.id.to_string(), c.token));
        assert_eq!(pair, Some((ID.to_owned(), "a.b.c".to_owned())));
        let jwt = format!("x.{}.y", URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{ID}"}}"#)));
        assert_eq!(parse(&jwt).map(|c| c.id.to_string()), Some(ID.to_owned()));
        assert_eq!(parse("nothing"), None);
        assert_eq!(parse("no-id a.b.c"), None);
    }

    #[test]
    fn too_few_people_are_an_error_that_says_what_to_do() -> Result<(), std::io::Error> {
        let path = std::env::temp_dir().join(format!("loadtest-tokens-{}", std::process::id()));
        writeln!(std::fs::File::create(&path)?, "{ID} a.b.c\n")?;
        assert_eq!(read(&path, 1).map(|people| people.len()).ok(), Some(1));
        let error = read(&path, 2).map_err(|error| error.to_string()).err().unwrap_or_default();
        assert!(error.contains("holds 1 people and 2 are needed"), "{error}");
        std::fs::remove_file(path)
    }
}
