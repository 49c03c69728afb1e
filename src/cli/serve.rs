//! `rankgate serve`

use super::ending::Signals;
use super::{Outcome, Verdict, load, runtime};
use crate::app::App;
use crate::config::{ConfigSource, ListenAddress};

/// How long finished work may keep threads busy at the end.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address to listen on instead of the configured one; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<ListenAddress>,
}

pub(super) fn run(source: ConfigSource, args: &Args) -> Outcome {
    let source = source.listening_on(args.listen);
    let loaded = load(&source, "info")?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let signals = Signals::new()?;
        let app = App::build(loaded).await?.reloading(source);
        signals.serve(async |asked| app.run_until(asked.wait()).await).await;
        Ok(Verdict::Good)
    });
    // Calls into the engine can't be cancelled; the process doesn't wait.
    runtime.shutdown_timeout(LAST_WORDS);
    outcome
}
