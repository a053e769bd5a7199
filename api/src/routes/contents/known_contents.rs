use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::{ContentId, TenantId};
use domain::messages::Content;
use domain::messages::draft::MessageDraft;
use lru::LruCache;

use crate::{ApiError, ApiState};

const CONTENTS_MAX: NonZeroUsize = NonZeroUsize::new(500).expect("not zero");

/// Stored templates that messages name. They are immutable: what was found once holds for good.
pub struct KnownContents(Mutex<LruCache<(TenantId, ContentId), Arc<Content>>>);

impl Default for KnownContents {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(CONTENTS_MAX)))
    }
}

impl KnownContents {
    /// What a message names, if its tenant has it.
    pub async fn of(
        state: &ApiState,
        tenant: TenantId,
        draft: &MessageDraft,
    ) -> Result<Option<Arc<Content>>, ApiError> {
        let Some(id) = draft.content else { return Ok(None) };
        let kept = &state.contents.0;
        if let Some(known) = kept.lock().unwrap_or_else(PoisonError::into_inner).get(&(tenant, id)) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(found) = state.store.contents().find(tenant, id).await? else { return Ok(None) };
        let content = Arc::new(found.content);
        kept.lock().unwrap_or_else(PoisonError::into_inner).put((tenant, id), Arc::clone(&content));
        Ok(Some(content))
    }
}
