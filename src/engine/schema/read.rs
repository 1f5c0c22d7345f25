//! Reads one file: words, then tables.

use super::{Column, Kind, SchemaError, Table, Type};

/// One word or sign of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Word(&'static str),
    Number(&'static str),
    Sign(char),
    /// What a comment `-- kind:` says.
    Kind(&'static str),
}

struct Reader {
    file: &'static str,
    tokens: std::iter::Peekable<std::vec::IntoIter<(u32, Token)>>,
    line: u32,
}

type Read<T> = Result<T, SchemaError>;

/// The tables of a file, with the lines they begin at.
pub(super) fn tables(file: &'static str, text: &'static str) -> Read<Vec<(u32, Table)>> {
    let tokens = tokens(file, text)?;
    let mut reader = Reader { file, tokens: tokens.into_iter().peekable(), line: 1 };
    let mut tables = Vec::new();
    while reader.tokens.peek().is_some() {
        let kind = reader.kind()?;
        reader.word("CREATE")?;
        let line = reader.line;
        reader.word("TABLE")?;
        let table = reader.table(kind)?;
        tables.push((line, table));
    }
    Ok(tables)
}

fn tokens(file: &'static str, text: &'static str) -> Read<Vec<(u32, Token)>> {
    let mut tokens = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let (code, comment) = match text.split_once("--") {
            Some((code, comment)) => (code, Some(comment.trim())),
            None => (text, None),
        };
        let mut rest = code.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
            let (token, length) = match first {
                '0'..='9' => (Token::Number(rest.split_at(length).0), length),
                _ if word(first) => (Token::Word(rest.split_at(length).0), length),
                '(' | ')' | ',' | ';' | '=' => (Token::Sign(first), 1),
                _ => {
                    let message = format!("{first:?} is not known here");
                    return Err(SchemaError { file, line, message });
                }
            };
            tokens.push((line, token));
            rest = rest.split_at(length).1.trim_start();
        }
        if let Some(kind) = comment.and_then(|comment| comment.strip_prefix("kind:")) {
            tokens.push((line, Token::Kind(kind.trim())));
        }
    }
    Ok(tokens)
}

impl Reader {
    fn error<T>(&self, message: impl Into<String>) -> Read<T> {
        Err(SchemaError { file: self.file, line: self.line, message: message.into() })
    }

    fn next(&mut self) -> Option<Token> {
        let (line, token) = self.tokens.next()?;
        self.line = line;
        Some(token)
    }

    fn found(token: Option<Token>) -> String {
        match token {
            Some(Token::Word(text) | Token::Number(text)) => format!("found {text}"),
            Some(Token::Sign(sign)) => format!("found {sign}"),
            Some(Token::Kind(_)) => "found a comment `-- kind:`".to_owned(),
            None => "the file ends".to_owned(),
        }
    }

    fn kind(&mut self) -> Read<Kind> {
        match self.next() {
            Some(Token::Kind("versioned")) => Ok(Kind::Versioned),
            Some(Token::Kind("plain")) => Ok(Kind::Plain),
            Some(Token::Kind("maxima")) => Ok(Kind::Maxima),
            Some(Token::Kind("log")) => Ok(Kind::Log),
            Some(Token::Kind(other)) => {
                self.error(format!("kind {other:?} is not one of versioned, plain, maxima, log"))
            }
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("CREATE") => {
                self.error("a table needs a comment `-- kind: …` before it")
            }
            other => self.error(format!("expected CREATE TABLE, {}", Self::found(other))),
        }
    }

    fn sign(&mut self, sign: char) -> Read<()> {
        match self.next() {
            Some(Token::Sign(found)) if found == sign => Ok(()),
            other => self.error(format!("expected {sign}, {}", Self::found(other))),
        }
    }

    fn word(&mut self, word: &str) -> Read<()> {
        match self.next() {
            Some(Token::Word(found)) if found.eq_ignore_ascii_case(word) => Ok(()),
            other => self.error(format!("expected {word}, {}", Self::found(other))),
        }
    }

    fn name(&mut self) -> Read<&'static str> {
        match self.next() {
            Some(Token::Word(name)) if name.chars().all(|c| !c.is_ascii_uppercase()) => Ok(name),
            Some(Token::Word(name)) => self.error(format!("{name}: names are lower case")),
            other => self.error(format!("expected a name, {}", Self::found(other))),
        }
    }

    fn takes(&mut self, sign: char) -> bool {
        let takes = self.tokens.peek().is_some_and(|(_, token)| *token == Token::Sign(sign));
        if takes {
            self.next();
        }
        takes
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let takes = matches!(self.tokens.peek(),
            Some((_, Token::Word(found))) if found.eq_ignore_ascii_case(word));
        if takes {
            self.next();
        }
        takes
    }

    /// Names with commas between, and the bracket that closes them.
    fn names(&mut self) -> Read<Vec<&'static str>> {
        let mut names = vec![self.name()?];
        while self.takes(',') {
            names.push(self.name()?);
        }
        self.sign(')')?;
        Ok(names)
    }

    fn table(&mut self, kind: Kind) -> Read<Table> {
        let name = self.name()?;
        self.sign('(')?;
        let mut columns: Vec<(Column, bool)> = Vec::new();
        let (partition, clustering) = loop {
            if self.takes_word("PRIMARY") {
                self.word("KEY")?;
                let key = self.primary_key()?;
                self.sign(')')?;
                break key;
            }
            let column = Column { name: self.name()?, holds: self.holds()? };
            if columns.iter().any(|(other, _)| other.name == column.name) {
                return self.error(format!("column {} is there already", column.name));
            }
            columns.push((column, self.takes_word("static")));
            self.sign(',')?;
        };
        let mut key = |names: Vec<&'static str>| -> Read<Vec<Column>> {
            let mut found = Vec::new();
            for name in names {
                match columns.iter().position(|(column, _)| column.name == name) {
                    Some(at) if columns.get(at).is_some_and(|(_, is_static)| !is_static) => {
                        found.push(columns.remove(at).0);
                    }
                    _ => return self.error(format!("{name} can't be part of the primary key")),
                }
            }
            Ok(found)
        };
        let (partition, clustering) = (key(partition)?, key(clustering)?);
        let (statics, regular): (Vec<_>, Vec<_>) =
            columns.into_iter().partition(|(_, is_static)| *is_static);
        let mut table = Table {
            name,
            kind,
            partition,
            clustering,
            descending: false,
            statics: statics.into_iter().map(|(column, _)| column).collect(),
            regular: regular.into_iter().map(|(column, _)| column).collect(),
            ttl_s: None,
        };
        if self.takes_word("WITH") {
            self.property(&mut table)?;
            while self.takes_word("AND") {
                self.property(&mut table)?;
            }
        }
        self.sign(';')?;
        Ok(table)
    }

    fn holds(&mut self) -> Read<Type> {
        match self.next() {
            Some(Token::Word("uuid")) => Ok(Type::Uuid),
            Some(Token::Word("text")) => Ok(Type::Text),
            Some(Token::Word("bigint")) => Ok(Type::Bigint),
            Some(Token::Word("int")) => Ok(Type::Int),
            Some(Token::Word("boolean")) => Ok(Type::Boolean),
            Some(Token::Word("blob")) => Ok(Type::Blob),
            other => self.error(format!(
                "expected uuid, text, bigint, int, boolean or blob, {}",
                Self::found(other)
            )),
        }
    }

    /// `((a, b), c, d)` or `(a, c)`.
    fn primary_key(&mut self) -> Read<(Vec<&'static str>, Vec<&'static str>)> {
        self.sign('(')?;
        let partition = if self.takes('(') { self.names()? } else { vec![self.name()?] };
        let clustering = if self.takes(',') {
            self.names()?
        } else {
            self.sign(')')?;
            Vec::new()
        };
        Ok((partition, clustering))
    }

    fn property(&mut self, table: &mut Table) -> Read<()> {
        if self.takes_word("default_time_to_live") {
            self.sign('=')?;
            return match self.next() {
                Some(Token::Number(number)) if number.parse::<u32>().is_ok_and(|s| s > 0) => {
                    table.ttl_s = number.parse().ok();
                    Ok(())
                }
                other => self.error(format!("expected seconds, {}", Self::found(other))),
            };
        }
        if !self.takes_word("CLUSTERING") {
            let other = self.next();
            return self.error(format!(
                "expected CLUSTERING ORDER BY or default_time_to_live, {}",
                Self::found(other)
            ));
        }
        self.word("ORDER")?;
        self.word("BY")?;
        self.sign('(')?;
        let mut orders = Vec::new();
        loop {
            let name = self.name()?;
            let descending = match self.next() {
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("ASC") => false,
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("DESC") => true,
                other => {
                    return self.error(format!("expected ASC or DESC, {}", Self::found(other)));
                }
            };
            orders.push((name, descending));
            if !self.takes(',') {
                break;
            }
        }
        self.sign(')')?;
        if !orders.iter().map(|(name, _)| *name).eq(table.clustering.iter().map(|c| c.name)) {
            return self.error("the clustering order names all clustering columns, in their order");
        }
        // A page that begins behind a key is one range only where all columns run the same way.
        table.descending = orders.iter().any(|(_, descending)| *descending);
        if table.descending && orders.iter().any(|(_, descending)| !descending) {
            return self.error("all clustering columns run the same way");
        }
        Ok(())
    }
}
