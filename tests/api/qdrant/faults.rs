//! Faults that a test switches while the server runs.

use std::future::pending;
use std::sync::Mutex;
use std::time::Duration;

use tonic::{Code, Status};

/// The switches of a server. A new fault takes the place of the one before;
/// calls that already hang go on hanging.
#[derive(Default)]
pub struct Faults(Mutex<Switches>);

#[derive(Default)]
struct Switches {
    fault: Option<Fault>,
    key: Option<Key>,
}

#[derive(Clone, Copy)]
enum Fault {
    Refuse { code: Code, calls: Option<usize> },
    Hang,
    Delay(Duration),
}

#[derive(Clone)]
struct Key {
    required: String,
    otherwise: Code,
}

impl Faults {
    /// Refuses every call.
    pub fn refuse(&self, code: Code) {
        self.set(Fault::Refuse { code, calls: None });
    }

    /// Refuses so many calls. A client that retries by itself uses them up by
    /// one request.
    pub fn refuse_next(&self, calls: usize, code: Code) {
        let fault = Fault::Refuse { code, calls: Some(calls) };
        self.switches().fault = (calls > 0).then_some(fault);
    }

    /// Takes calls and never answers.
    pub fn hang(&self) {
        self.set(Fault::Hang);
    }

    /// Answers every call so much later.
    pub fn delay(&self, delay: Duration) {
        self.set(Fault::Delay(delay));
    }

    /// Refuses calls without this key: `Unauthenticated` is what Qdrant says
    /// about a missing or unknown key, `PermissionDenied` about one without
    /// the right.
    pub fn require_api_key(&self, key: &str, otherwise: Code) {
        self.switches().key = Some(Key { required: key.to_owned(), otherwise });
    }

    /// No faults any more, and no key required.
    pub fn clear(&self) {
        *self.switches() = Switches::default();
    }

    fn set(&self, fault: Fault) {
        self.switches().fault = Some(fault);
    }

    fn switches(&self) -> std::sync::MutexGuard<'_, Switches> {
        self.0.lock().unwrap()
    }

    /// Lets a call through, late or not at all.
    pub(super) async fn meet(&self, api_key: Option<&str>) -> Result<(), Status> {
        let (fault, key) = self.next();
        match fault {
            Some(Fault::Refuse { code, .. }) => return Err(Status::new(code, "scripted")),
            Some(Fault::Hang) => pending().await,
            Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
            None => {}
        }
        match key {
            Some(key) => key.check(api_key),
            None => Ok(()),
        }
    }

    /// What the next call meets.
    fn next(&self) -> (Option<Fault>, Option<Key>) {
        let mut switches = self.switches();
        let fault = switches.fault;
        if let Some(Fault::Refuse { calls: Some(calls), .. }) = &mut switches.fault {
            *calls -= 1;
            if *calls == 0 {
                switches.fault = None;
            }
        }
        (fault, switches.key.clone())
    }
}

impl Key {
    fn check(&self, sent: Option<&str>) -> Result<(), Status> {
        let problem = match sent {
            Some(sent) if sent == self.required => return Ok(()),
            Some(_) if self.otherwise == Code::PermissionDenied => "Write access denied",
            Some(_) => "Invalid API key or JWT",
            None => "Must provide an API key or an Authorization bearer token",
        };
        Err(Status::new(self.otherwise, problem))
    }
}
