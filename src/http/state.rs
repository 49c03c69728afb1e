//! What handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use schemars::JsonSchema;
use serde::Serialize;

use super::admission::Admission;
use super::uploads::Uploads;
use crate::pipeline::Gateway;
use crate::prompt::PromptProblem;
use crate::retrieve::Documents;

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct HttpState(Arc<Shared>);

struct Shared {
    gateway: Arc<Gateway>,
    documents: Option<Arc<Documents>>,
    metrics: PrometheusHandle,
    admission: Admission,
    uploads: Uploads,
    max_body: AtomicUsize,
    phase: AtomicU8,
    refused_prompts: ArcSwapOption<RefusedPrompts>,
}

/// Prompts that are in their files and not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RefusedPrompts {
    /// When they were refused.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What is wrong; of many problems the first.
    pub problems: Vec<PromptProblem>,
    /// How many problems there are besides.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Settings that a reload may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Largest request body in bytes.
    pub max_body: usize,
    /// Most ranked requests at a time; absent: no limit.
    pub max_in_flight: Option<usize>,
}

/// Where the process stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It answers, but not yet at full speed.
    Starting,
    /// It answers.
    Ready,
    /// It finishes what it has begun and takes nothing new.
    Draining,
}

impl HttpState {
    /// The state of a gateway that is starting. `documents` is the writing
    /// side of its collections, where it has any.
    #[must_use]
    pub fn new(
        gateway: Arc<Gateway>,
        documents: Option<Arc<Documents>>,
        metrics: PrometheusHandle,
        settings: HttpSettings,
    ) -> Self {
        let state = Self(Arc::new(Shared {
            gateway,
            documents,
            metrics,
            admission: Admission::default(),
            uploads: Uploads::default(),
            max_body: AtomicUsize::new(0),
            phase: AtomicU8::new(Phase::Starting as u8),
            refused_prompts: ArcSwapOption::empty(),
        }));
        state.apply(settings);
        state
    }

    /// Takes over new settings, from the next request on.
    pub fn apply(&self, settings: HttpSettings) {
        self.0.max_body.store(settings.max_body, Ordering::Relaxed);
        self.0.admission.set_limit(settings.max_in_flight);
    }

    /// Says where the process stands now.
    pub fn enter(&self, phase: Phase) {
        self.0.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Says which prompts were refused; none once those in the files are
    /// served, which they have to be before this is called.
    pub fn refuse_prompts(&self, refused: Option<RefusedPrompts>) {
        self.0.refused_prompts.store(refused.map(Arc::new));
    }

    pub(super) fn refused_prompts(&self) -> Option<Arc<RefusedPrompts>> {
        self.0.refused_prompts.load_full()
    }

    /// Where the process stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let phase = self.0.phase.load(Ordering::Relaxed);
        [Phase::Starting, Phase::Ready]
            .into_iter()
            .find(|&known| known as u8 == phase)
            .unwrap_or(Phase::Draining)
    }

    /// The pipeline.
    #[must_use]
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.0.gateway
    }

    pub(super) fn documents(&self) -> Option<&Arc<Documents>> {
        self.0.documents.as_ref()
    }

    pub(super) fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    pub(super) fn metrics(&self) -> &PrometheusHandle {
        &self.0.metrics
    }

    pub(super) fn admission(&self) -> &Admission {
        &self.0.admission
    }

    pub(super) fn max_body(&self) -> usize {
        self.0.max_body.load(Ordering::Relaxed)
    }
}
