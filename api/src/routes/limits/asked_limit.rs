use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::Method;
use axum::http::request::Parts;
use domain::address::is_host_name;
use domain::ids::SenderId;
use domain::keys::KeyScope;
use domain::limits::{Channel, LimitTarget, Scope};
use serde::Deserialize;

use crate::extract::Caller;
use crate::{ApiError, ApiState};

/// What a path like `/v1/limits/domain/example.com?channel=email` names, for this caller. Without a key: what holds for
/// the scope where nothing else is said.
pub struct AskedLimit {
    pub caller: Caller,
    pub target: LimitTarget,
    pub channel: Channel,
}

impl AskedLimit {
    /// What holds for a tenant or for everybody is the operator's to set.
    pub fn ensure_may_set(&self) -> Result<(), ApiError> {
        match self.target.scope() {
            Scope::Global | Scope::Tenant if !self.caller.rights.operator => {
                Err(ApiError::forbidden("this limit is the operator's: it needs a key made with --operator"))
            }
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<ApiState> for AskedLimit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.ensure(if parts.method == Method::GET { KeyScope::Read } else { KeyScope::Manage })?;
        let AskedChannel(channel) = AskedChannel::from_request_parts(parts, state).await?;
        let named: Path<HashMap<String, String>> =
            Path::from_request_parts(parts, state).await.map_err(|_| ApiError::not_found("there is no such limit"))?;
        let part = |name: &str| named.get(name).map_or("", String::as_str);
        let target = target(state, &caller, part("scope"), &part("key").to_ascii_lowercase()).await?;
        Ok(Self { caller, target, channel })
    }
}

/// The channel in the query; email where nothing is said.
pub struct AskedChannel(pub Channel);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelQuery {
    channel: Option<String>,
}

impl FromRequestParts<ApiState> for AskedChannel {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let Query(query) = Query::<ChannelQuery>::from_request_parts(parts, state).await.map_err(|_| {
            ApiError::invalid_field("", "the query may say channel=email or channel=sms, and nothing else")
        })?;
        let Some(text) = query.channel else { return Ok(Self(Channel::Email)) };
        Channel::parse(&text).map(Self).ok_or_else(|| ApiError::invalid_field("channel", "it is email or sms"))
    }
}

async fn target(state: &ApiState, caller: &Caller, scope: &str, key: &str) -> Result<LimitTarget, ApiError> {
    let scope = Scope::parse(scope)
        .ok_or_else(|| ApiError::not_found("a limit's scope is global, tenant, domain or sender"))?;
    match scope {
        Scope::Domain if !key.is_empty() && !is_host_name(key) => {
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
    LimitTarget::from_parts(scope, tenant, key).ok_or_else(|| ApiError::not_found("there is no such limit"))
}
