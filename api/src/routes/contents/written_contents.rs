use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::{ContentId, TenantId};
use domain::messages::Content;
use domain::messages::draft::{InvalidDraft, check_templates};
use lru::LruCache;

const CONTENTS_MAX: NonZeroUsize = NonZeroUsize::new(200).expect("not zero");
/// Larger ones are compiled again each time, so that all together stay small.
const BYTES_MAX: usize = 64 * 1024;

/// Templates that stood in messages and were found to be sound: an application writes the same ones again and again.
/// Whether the tenant has stored them, this does not say.
pub struct WrittenContents(Mutex<LruCache<ContentId, Arc<Content>>>);

impl Default for WrittenContents {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(CONTENTS_MAX)))
    }
}

impl WrittenContents {
    pub fn check(&self, tenant: TenantId, content: Content) -> Result<Arc<Content>, InvalidDraft> {
        let parts = [Some(&content.subject), content.html.as_ref(), content.text.as_ref()];
        if parts.into_iter().flatten().map(String::len).sum::<usize>() > BYTES_MAX {
            return check_templates(&content).map(|()| Arc::new(content));
        }
        let id = content.id(tenant);
        if let Some(seen) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(seen));
        }
        check_templates(&content)?;
        let content = Arc::new(content);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(id, Arc::clone(&content));
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(html: &str) -> Content {
        Content { subject: "Hello".to_owned(), html: Some(html.to_owned()), text: None }
    }

    #[test]
    fn what_was_found_sound_is_shared_within_its_tenant_and_what_is_broken_stays_refused() {
        let (contents, ann, ben) = (WrittenContents::default(), TenantId(uuid(1)), TenantId(uuid(2)));
        let first = contents.check(ann, content("{{name}}")).expect("sound");
        assert!(Arc::ptr_eq(&first, &contents.check(ann, content("{{name}}")).expect("sound")));
        assert!(!Arc::ptr_eq(&first, &contents.check(ben, content("{{name}}")).expect("sound")));
        assert_eq!(*contents.check(ann, content("{{other}}")).expect("sound"), content("{{other}}"));
        for _ in 0..2 {
            assert!(contents.check(ann, content("{{#if}}")).is_err());
        }
        let large = "x".repeat(BYTES_MAX);
        let large = [(); 2].map(|()| contents.check(ann, content(&large)).expect("sound"));
        assert!(!Arc::ptr_eq(&large[0], &large[1]), "not kept");
    }

    fn uuid(number: u128) -> uuid::Uuid {
        uuid::Uuid::from_u128(number)
    }
}
