//! Single messages that come together share one statement, whoever sent them.

use std::collections::HashMap;
use std::time::Duration;

use domain::ids::TenantId;
use runtime::Group;
use store::messages::Enqueued;

use crate::ApiError;
use crate::enqueue::{Asked, Enqueuer};

const GROUP_MAX: usize = 128;
const LINGER: Duration = Duration::from_millis(1);
const LANES: usize = 3;

pub struct Intake(Group<(TenantId, Asked), Result<Enqueued, ApiError>>);

impl Intake {
    pub fn start(enqueuer: Enqueuer) -> Self {
        let run = move |asked: Vec<(TenantId, Asked)>| {
            let enqueuer = enqueuer.clone();
            async move { accept(&enqueuer, asked).await }
        };
        Self(Group::start(GROUP_MAX, LINGER, LANES, run))
    }

    /// Stores one message. When this returns, it is durable.
    pub async fn accept(&self, tenant: TenantId, asked: Asked) -> Result<Enqueued, ApiError> {
        self.0.ask((tenant, asked)).await.unwrap_or_else(|| Err(ApiError::unavailable()))
    }
}

async fn accept(enqueuer: &Enqueuer, asked: Vec<(TenantId, Asked)>) -> Vec<Result<Enqueued, ApiError>> {
    let mut answers: Vec<Option<Result<Enqueued, ApiError>>> = asked.iter().map(|_| None).collect();
    let mut by_tenant: HashMap<TenantId, Vec<(usize, Asked)>> = HashMap::new();
    for (at, (tenant, asked)) in asked.into_iter().enumerate() {
        by_tenant.entry(tenant).or_default().push((at, asked));
    }
    for (tenant, asked) in by_tenant {
        let (places, asked): (Vec<usize>, Vec<Asked>) = asked.into_iter().unzip();
        match enqueuer.enqueue(tenant, asked).await {
            Ok(stored) => {
                for (at, stored) in places.into_iter().zip(stored) {
                    answers[at] = Some(Ok(stored));
                }
            }
            // One that the database refuses must not take the others with it; one that was stored is refused by its id.
            Err((error, asked)) if places.len() > 1 && !error.is_unavailable() => {
                for (at, asked) in places.into_iter().zip(asked) {
                    let stored = enqueuer.enqueue(tenant, vec![asked]).await.map_err(|(error, _)| error);
                    answers[at] =
                        Some(stored.and_then(|stored| stored.first().copied().ok_or_else(ApiError::unavailable)));
                }
            }
            Err((error, _)) => {
                for at in places {
                    answers[at] = Some(Err(error.clone()));
                }
            }
        }
    }
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(ApiError::unavailable()))).collect()
}
