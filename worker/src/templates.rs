//! Compiled contents. Immutable, so what is kept never goes stale.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::{ContentId, TenantId};
use domain::messages::Content;
use domain::templates::{Escape, InvalidTemplate, RenderFailure, Template};
use lru::LruCache;
use serde_json::{Map, Value};
use store::Store;

const COMPILED_MAX: NonZeroUsize = NonZeroUsize::new(1_000).expect("not zero");

/// Beyond this much source a rendering goes to a thread that may block.
const INLINE_MAX_BYTES: usize = 64 * 1024;

/// A content, compiled; or why it does not compile.
pub struct Compiled {
    is_heavy: bool,
    subject: Template,
    html: Option<Template>,
    text: Option<Template>,
}

/// The parts of one mail, rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub subject: String,
    pub html: Option<String>,
    pub text: Option<String>,
}

pub type CompiledResult = Result<Arc<Compiled>, InvalidTemplate>;

pub struct Templates {
    store: Store,
    compiled: Mutex<LruCache<ContentId, CompiledResult>>,
}

impl Templates {
    pub fn new(store: Store) -> Self {
        Self { store, compiled: Mutex::new(LruCache::new(COMPILED_MAX)) }
    }

    /// The contents of a job's rows: those that are not kept are loaded in one statement.
    pub async fn compiled(
        &self,
        tenant: TenantId,
        ids: &[ContentId],
    ) -> store::Result<HashMap<ContentId, CompiledResult>> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        {
            let mut kept = self.lock();
            for id in ids {
                match kept.get(id) {
                    Some(compiled) => drop(found.insert(*id, compiled.clone())),
                    None if missing.contains(id) => {}
                    None => missing.push(*id),
                }
            }
        }
        if !missing.is_empty() {
            for row in self.store.messages().load_contents(tenant, &missing).await? {
                let compiled = Compiled::new(&row.content).map(Arc::new);
                self.lock().put(row.id, compiled.clone());
                found.insert(row.id, compiled);
            }
        }
        Ok(found)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<ContentId, CompiledResult>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Merge data may hold line breaks; a header may not.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if domain::messages::headers::is_header_text(c.encode_utf8(&mut [0; 4])) { c } else { ' ' })
        .collect()
}

impl Compiled {
    /// Whether rendering may take long enough to need a thread of its own.
    pub fn is_heavy(&self) -> bool {
        self.is_heavy
    }

    fn new(content: &Content) -> Result<Self, InvalidTemplate> {
        let part = |source: &Option<String>, escape| {
            source.as_deref().map(|source| Template::compile(source, escape)).transpose()
        };
        let subject = Template::compile(&content.subject, Escape::Plain)?;
        let (html, text) = (part(&content.html, Escape::Html)?, part(&content.text, Escape::Plain)?);
        let loops = [Some(&subject), html.as_ref(), text.as_ref()].into_iter().flatten().any(Template::has_loops);
        let bytes: usize = [&content.html, &content.text].into_iter().flatten().map(String::len).sum();
        Ok(Self { is_heavy: loops || bytes > INLINE_MAX_BYTES, subject, html, text })
    }

    pub fn render(&self, data: &Map<String, Value>) -> Result<Rendered, RenderFailure> {
        Ok(Rendered {
            subject: one_line(&self.subject.render(data)?),
            html: self.html.as_ref().map(|part| part.render(data)).transpose()?,
            text: self.text.as_ref().map(|part| part.render(data)).transpose()?,
        })
    }
}
