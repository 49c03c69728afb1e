//! The program: arguments in, exit status out.

use std::process::ExitCode;

/// Requests allocate and free many small strings on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rankgate::cli::main()
}
