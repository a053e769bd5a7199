//! The Lua of this crate, loaded on first use and again whenever Redis has forgotten it.

use std::sync::LazyLock;

use link::{Script, script};

macro_rules! scripts {
    ($($name:ident = $file:literal;)+) => {
        $(pub static $name: LazyLock<Script> = LazyLock::new(|| script(&[include_str!("lua/holdings.lua"), include_str!($file)]));)+
    };
}

scripts! {
    ADMIT = "lua/admit.lua";
    CORRECT_QUOTA = "lua/correct_quota.lua";
    FORFEIT_CONNECTIONS = "lua/forfeit_connections.lua";
    GIVE_BACK = "lua/give_back.lua";
    LEASE_CONNECTIONS = "lua/lease_connections.lua";
    LOAD_QUOTA = "lua/load_quota.lua";
    LOOK = "lua/look.lua";
    PARK = "lua/park.lua";
    RENEW_CONNECTIONS = "lua/renew_connections.lua";
    TAKE_API_TOKENS = "lua/take_api_tokens.lua";
}
