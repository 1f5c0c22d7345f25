//! The layers of settings, and which of them a value comes from.

use super::kinds::Kind;
use super::{ENV_PREFIX, Setting, Shown, TABLE};
use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use std::path::{Path, PathBuf};

/// The variable that names the file, where no flag does.
const FILE_ENV: &str = "SANCTUARY_CONFIG";
/// Names of the layers; flags and the environment add the name of the variable or flag.
const DEFAULT: &str = "default";
const FILE: &str = "file";
const ENVIRONMENT: &str = "environment";
const FLAG: &str = "flag";

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No setting has that name.
    #[error("{source_name}: there is no setting {key}{hint}")]
    UnknownKey {
        /// Where it was found.
        source_name: String,
        /// The key or variable.
        key: String,
        /// The nearest one there is.
        hint: String,
    },
    /// A value is not allowed.
    #[error("{key} ({source_name}): allowed is {allowed}")]
    NotAllowed {
        /// The key.
        key: &'static str,
        /// Where it was found.
        source_name: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The file can't be read.
    #[error("the settings file {} can't be read: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the settings file {} is not TOML: {cause}", path.display())]
    Toml {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        cause: Box<figment::Error>,
    },
    /// Two settings go together.
    #[error("{one} and {other} go together: give both, or neither")]
    Together {
        /// One.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// A setting does not go without another.
    #[error("{one} needs {other}")]
    Needs {
        /// The one.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
}

/// Defaults, file, environment and flags, the later over the earlier.
#[derive(Debug, Clone)]
pub struct Sources {
    layers: Figment,
    file: Option<PathBuf>,
}

impl Default for Sources {
    /// The defaults alone.
    fn default() -> Self {
        let defaults = TABLE.iter().map(|setting| (setting.key, setting.default.to_owned()));
        Self {
            layers: Figment::from(Layer { name: DEFAULT, values: defaults.collect() }),
            file: None,
        }
    }
}

impl Sources {
    /// All layers. `flags`: key and value; `file`: from its flag; `env`: all variables there are.
    pub fn new(
        flags: Vec<(&'static str, String)>,
        file: Option<PathBuf>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut file = file;
        let mut from_env = Vec::new();
        for (name, value) in env.into_iter().filter(|(name, _)| name.starts_with(ENV_PREFIX)) {
            if name == FILE_ENV {
                file = file.or(Some(value.into()));
            } else if let Some(setting) = TABLE.iter().find(|setting| setting.env() == name) {
                from_env.push((setting.key, value));
            } else {
                let names = TABLE.iter().map(Setting::env);
                return Err(unknown(ENVIRONMENT, &name, names));
            }
        }
        let mut sources = Self::default();
        if let Some(path) = file {
            let layer = read_file(&path)?;
            sources.layers = sources.layers.merge(layer);
            sources.file = Some(path);
        }
        let layers = sources.layers.merge(Layer { name: ENVIRONMENT, values: from_env });
        Ok(Self { layers: layers.merge(Layer { name: FLAG, values: flags }), ..sources })
    }

    /// A setting's value, with its text and its source.
    pub(super) fn value<T: Kind>(
        &self,
        key: &'static str,
        in_range: impl Fn(&T) -> bool,
    ) -> Result<(T, Shown), ConfigError> {
        let setting = TABLE.iter().find(|setting| setting.key == key);
        let source = setting.map_or_else(String::new, |setting| self.source_of(setting));
        let text = self.layers.find_value(key).ok().and_then(|value| text_of(&value));
        let parsed = text.and_then(|text| Some((T::parse(&text).filter(|v| in_range(v))?, text)));
        match parsed {
            Some((value, text)) => Ok((value, Shown { value: without_password(&text), source })),
            None => Err(ConfigError::NotAllowed {
                key,
                source_name: source,
                allowed: setting.map_or("", |setting| setting.allowed),
            }),
        }
    }

    fn source_of(&self, setting: &Setting) -> String {
        let layer =
            self.layers.find_metadata(setting.key).map_or(DEFAULT, |found| match &*found.name {
                FILE => FILE,
                ENVIRONMENT => ENVIRONMENT,
                FLAG => FLAG,
                _ => DEFAULT,
            });
        match (layer, &self.file) {
            (FILE, Some(path)) => format!("{FILE} {}", path.display()),
            (ENVIRONMENT, _) => format!("{ENVIRONMENT} {}", setting.env()),
            (FLAG, _) => format!("{FLAG} --{}", setting.flag()),
            _ => layer.to_owned(),
        }
    }
}

/// Values of one layer. Their text is kept as it is: what it means is the setting's to say.
struct Layer {
    name: &'static str,
    values: Vec<(&'static str, String)>,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut tree = Dict::new();
        for (key, value) in &self.values {
            insert(&mut tree, key, Value::from(value.clone()));
        }
        Ok(Profile::Default.collect(tree))
    }
}

fn insert(tree: &mut Dict, key: &str, value: Value) {
    let Some((section, rest)) = key.split_once('.') else {
        tree.insert(key.to_owned(), value);
        return;
    };
    let inner = tree.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, inner) = inner {
        insert(inner, rest, value);
    }
}

fn read_file(path: &Path) -> Result<Layer, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| ConfigError::File { path: path.to_owned(), cause })?;
    let toml_error = |cause| ConfigError::Toml { path: path.to_owned(), cause: Box::new(cause) };
    let tree: Dict = Figment::from(Toml::string(&text)).extract().map_err(toml_error)?;
    let mut values = Vec::new();
    flatten("", &tree, &mut |key, value| {
        let Some(setting) = TABLE.iter().find(|setting| setting.key == key) else {
            let keys = TABLE.iter().map(|setting| setting.key.to_owned());
            return Err(unknown(&path.display().to_string(), key, keys));
        };
        let text = text_of(value).ok_or_else(|| ConfigError::NotAllowed {
            key: setting.key,
            source_name: path.display().to_string(),
            allowed: setting.allowed,
        })?;
        values.push((setting.key, text));
        Ok(())
    })?;
    Ok(Layer { name: FILE, values })
}

fn flatten(
    under: &str,
    tree: &Dict,
    found: &mut impl FnMut(&str, &Value) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    for (name, value) in tree {
        let key = if under.is_empty() { name.clone() } else { format!("{under}.{name}") };
        match value {
            Value::Dict(_, inner) => flatten(&key, inner, found)?,
            leaf => found(&key, leaf)?,
        }
    }
    Ok(())
}

/// A value as text; lists with commas between.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Bool(_, flag) => Some(flag.to_string()),
        Value::Num(_, number) => {
            let whole = number.to_i128().or_else(|| i128::try_from(number.to_u128()?).ok());
            whole.map(|whole| whole.to_string())
        }
        Value::Array(_, items) => {
            let items: Option<Vec<String>> = items.iter().map(text_of).collect();
            Some(items?.join(","))
        }
        Value::Char(..) | Value::Dict(..) | Value::Empty(..) => None,
    }
}

/// A URL's password is nobody's to read.
fn without_password(text: &str) -> String {
    let hide = |url: &str| match url
        .split_once("://")
        .and_then(|(s, rest)| Some((s, rest.rsplit_once('@')?)))
    {
        Some((scheme, (_, place))) => format!("{scheme}://…@{place}"),
        None => url.to_owned(),
    };
    text.split(',').map(hide).collect::<Vec<_>>().join(",")
}

fn unknown(source: &str, key: &str, known: impl Iterator<Item = String>) -> ConfigError {
    let nearest = known.max_by_key(|name| likeness(name, key));
    let hint = nearest.filter(|name| likeness(name, key) * 2 >= key.len());
    ConfigError::UnknownKey {
        source_name: source.to_owned(),
        key: key.to_owned(),
        hint: hint.map_or_else(String::new, |name| format!("; do you mean {name}?")),
    }
}

/// Letters that two names begin and end with alike.
fn likeness(one: &str, other: &str) -> usize {
    let alike =
        |pairs: &mut dyn Iterator<Item = (u8, u8)>| pairs.take_while(|(a, b)| a == b).count();
    alike(&mut one.bytes().zip(other.bytes()))
        + alike(&mut one.bytes().rev().zip(other.bytes().rev()))
}
