use domain::limits::TokenReturn;
use link::encode_returns;

use crate::{Limiter, Result, scripts};

impl Limiter {
    /// Gives tokens back that no job carries. Never tried again: an answer that was lost may have been a return, and
    /// returning twice would allow too much; not returning costs a moment's waiting.
    pub async fn give_back(&self, returns: &[TokenReturn]) -> Result<()> {
        if returns.is_empty() {
            return Ok(());
        }
        let (mut keys, mut args) = (vec![self.link.keys().pulse()], Vec::new());
        encode_returns(returns, 1, &mut keys, &mut args);
        self.link.call(&scripts::GIVE_BACK, &keys, &args).await?;
        Ok(())
    }
}
