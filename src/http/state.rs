//! What handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use metrics_exporter_prometheus::PrometheusHandle;

use super::admission::Admission;
use super::uploads::Uploads;
use crate::pipeline::Gateway;
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
    pub fn gateway(&self) -> &Gateway {
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
