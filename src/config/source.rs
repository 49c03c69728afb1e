//! Where a configuration comes from, and how it is read.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::document::{Document, KeyPath};
use super::environment::Environment;
use super::error::{ConfigError, Place, Problem};
use super::overrides::Override;
use super::{Config, check, overrides, planned};

/// The file that is read where none is named.
pub const DEFAULT_FILE: &str = "config/rankgate.toml";

/// The name that errors show for the configuration without a file.
const BUILT_IN: &str = "(no configuration file, OPENAI_API_KEY is set)";

/// Where a configuration comes from. It can be loaded more than once.
#[derive(Clone, Debug)]
pub struct ConfigSource {
    file: Option<PathBuf>,
    env: Environment,
    listen: Option<super::ListenAddress>,
}

/// A configuration, and the means to say where a fault in it stands.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The environment it was read with, which also holds secrets.
    pub env: Environment,
    /// The file that was read, or would have been if it existed.
    pub file: PathBuf,
    document: Document,
    overrides: Vec<Override>,
}

impl ConfigSource {
    /// The file that was named, or else [`DEFAULT_FILE`], below the variables
    /// of `env`.
    #[must_use]
    pub fn new(file: Option<PathBuf>, env: Environment) -> Self {
        Self { file, env, listen: None }
    }

    /// The same with another address to listen on, as a command line may say.
    #[must_use]
    pub fn listening_on(mut self, listen: Option<super::ListenAddress>) -> Self {
        self.listen = listen;
        self
    }

    /// The file that is read, whether it exists or not.
    #[must_use]
    pub fn file(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE))
    }

    /// Reads file and environment and checks the result.
    ///
    /// # Errors
    /// With every problem that was found.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let document = self.document()?;
        let mut table: Table = toml::from_str(&document.text)
            .map_err(|error| ConfigError::from(document.syntax_problem(&error)))?;
        let mut overrides = overrides::apply(&mut table, &self.env)?;
        let refused = planned::found(&table);
        if !refused.is_empty() {
            let problems = refused
                .into_iter()
                .map(|(path, remedy)| locate(&document, &overrides, &path, true, remedy));
            return Err(ConfigError::new(problems.collect()));
        }
        let mut config = typed(table, &mut overrides)
            .map_err(|(path, message)| explain(&document, &overrides, &path, &message))?;
        config.server.listen = self.listen.unwrap_or(config.server.listen);
        let (env, file) = (self.env.clone(), self.file().to_owned());
        let loaded = Loaded { config, env, file, document, overrides };
        let problems: Vec<Problem> = check::check(&loaded.config)
            .into_iter()
            .map(|(path, message)| loaded.problem_at(&path, message))
            .collect();
        if problems.is_empty() { Ok(loaded) } else { Err(ConfigError::new(problems)) }
    }

    fn document(&self) -> Result<Document, Problem> {
        let path = self.file();
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Document { file, text }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.file.is_none() => {
                match self.env.get("OPENAI_API_KEY") {
                    Some(_) => Ok(Document { file: BUILT_IN.into(), text: self.built_in() }),
                    None => Err(whole_file(
                        file,
                        "the file does not exist: write one (the repository has a commented \
                         example there), name another one with --config, or set OPENAI_API_KEY \
                         to rerank with the OpenAI API",
                    )),
                }
            }
            Err(error) => Err(whole_file(file, format!("the file can't be read: {error}"))),
        }
    }

    /// What is served without a file: a pipeline that reranks documents which
    /// requests bring.
    fn built_in(&self) -> String {
        let base_url = self.env.get("OPENAI_BASE_URL").unwrap_or("https://api.openai.com/v1");
        let model = self.env.get("RANKGATE_MODEL").unwrap_or("gpt-5-mini");
        format!(
            "[upstreams.openai]\n\
             base_url = {}\n\
             api_key = {{ env = \"OPENAI_API_KEY\" }}\n\
             [models.default]\n\
             upstreams = [\"openai\"]\n\
             model = {}\n\
             context_tokens = 16000\n\
             [pipelines.default]\n\
             prompt = \"rerank-listwise@v1\"\n\
             model = \"default\"\n\
             deadline_ms = 10000\n",
            Value::String(base_url.into()),
            Value::String(model.into()),
        )
    }
}

impl Loaded {
    /// The problem of a key that turned out to be wrong later on.
    #[must_use]
    pub fn problem_at(&self, path: &KeyPath, message: impl Into<String>) -> Problem {
        locate(&self.document, &self.overrides, path, false, &message.into())
    }
}

fn whole_file(file: String, message: impl Into<String>) -> Problem {
    Problem { place: Place::File(file), key: String::new(), message: message.into() }
}

/// Reads the types. A variable's value that doesn't fit is tried once more as
/// plain text, since only the type can tell a number from a name of digits.
fn typed(mut table: Table, overrides: &mut [Override]) -> Result<Config, (KeyPath, String)> {
    loop {
        let value = Value::Table(table.clone());
        let error = match serde_path_to_error::deserialize(value) {
            Ok(config) => return Ok(config),
            Err(error) => error,
        };
        let path = KeyPath::from(error.path());
        let retried = overrides
            .iter_mut()
            .find(|made| made.path == path)
            .is_some_and(|made| made.retry_as_text(&mut table));
        if !retried {
            return Err((path, error.into_inner().message().to_owned()));
        }
    }
}

fn explain(
    document: &Document,
    overrides: &[Override],
    path: &KeyPath,
    message: &str,
) -> ConfigError {
    let about_the_name = message.starts_with("unknown field");
    locate(document, overrides, path, about_the_name, message).into()
}

/// The problem at the variable that set the key, or else in the file.
fn locate(
    document: &Document,
    overrides: &[Override],
    path: &KeyPath,
    at_key: bool,
    message: &str,
) -> Problem {
    match overrides.iter().rev().find(|made| path.starts_with(&made.path)) {
        Some(made) => made.problem(path, message),
        None => match overrides.iter().find(|made| at_key && made.path.starts_with(path)) {
            Some(made) => made.problem(path, message),
            None => document.problem_at(path, at_key, message),
        },
    }
}
