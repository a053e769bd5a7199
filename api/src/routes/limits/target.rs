use domain::address::is_host_name;
use domain::ids::SenderId;
use domain::limits::{Channel, LimitTarget, Scope};
use serde::Deserialize;

use crate::extract::Caller;
use crate::{ApiError, ApiState};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelQuery {
    channel: Option<String>,
}

impl ChannelQuery {
    pub fn channel(&self) -> Result<Channel, ApiError> {
        let Some(text) = &self.channel else { return Ok(Channel::Email) };
        Channel::parse(text).ok_or_else(|| ApiError::invalid_field("channel", "it is email or sms"))
    }
}

/// What a path like `/v1/limits/domain/example.com` names, for this caller.
pub async fn target(state: &ApiState, caller: &Caller, scope: &str, key: &str) -> Result<LimitTarget, ApiError> {
    let scope = Scope::parse(scope)
        .ok_or_else(|| ApiError::not_found("a limit's scope is global, tenant, domain or sender"))?;
    let key = key.to_ascii_lowercase();
    match scope {
        Scope::Domain if !key.is_empty() && !is_host_name(&key) => {
            return Err(ApiError::invalid_field("key", "it is no domain"));
        }
        Scope::Sender if !key.is_empty() => {
            let unknown = || ApiError::not_found("you have no such sender");
            let sender: SenderId = key.parse().map_err(|_| unknown())?;
            if state.store.senders().known(caller.tenant, &[sender]).await?.is_empty() {
                return Err(unknown());
            }
        }
        Scope::Global | Scope::Tenant if !key.is_empty() => {
            return Err(ApiError::not_found("this scope has no keys: leave it out"));
        }
        _ => {}
    }
    let tenant = (scope != Scope::Global).then_some(caller.tenant);
    LimitTarget::from_parts(scope, tenant, &key).ok_or_else(|| ApiError::not_found("there is no such limit"))
}

/// What holds for a tenant or for everybody is the operator's to set.
pub fn may_set(caller: &Caller, target: &LimitTarget) -> Result<(), ApiError> {
    match target.scope() {
        Scope::Global | Scope::Tenant if !caller.operator => {
            Err(ApiError::forbidden("this limit is the operator's: it needs a key made with --operator"))
        }
        _ => Ok(()),
    }
}
