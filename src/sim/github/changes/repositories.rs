//! What happens to a repository itself: a new name, a new hook.

use serde_json::json;

use super::super::SimError;
use super::super::hooks::{Hook, NewHook};
use super::super::state::HookPlace;
use super::{Change, Event};

impl Change<'_> {
    /// Gives the repository another name; the old one redirects from now on.
    pub(in super::super) fn rename_repository(
        &mut self,
        repository: u64,
        name: &str,
    ) -> Result<(), SimError> {
        let now = self.now;
        let here = self.state.repository_mut(repository)?;
        let old = here.full_name();
        here.former_names.push(old);
        let from = std::mem::replace(&mut here.name, name.to_owned());
        here.updated_at = now;
        let changes = json!({"changes": {"repository": {"name": {"from": from}}}});
        self.tell(repository, "repository", "renamed", changes)
    }

    /// Sets a hook up, which is told so by a `ping`.
    pub(in super::super) fn add_hook(
        &mut self,
        repository: u64,
        new: NewHook,
    ) -> Result<u64, SimError> {
        let id = self.add_quiet_hook(&HookPlace::Repository(repository), new)?;
        self.ping_hook(repository, id)?;
        Ok(id)
    }

    /// Sets one up without a word: an organization's ping is about no repository.
    pub(in super::super) fn add_quiet_hook(
        &mut self,
        place: &HookPlace,
        new: NewHook,
    ) -> Result<u64, SimError> {
        let id = self.state.next_id();
        let hook = Hook::new(id, new, self.now, self.state.instance.remembered);
        self.state.hooks_at_mut(place)?.push(hook);
        Ok(id)
    }

    pub(in super::super) fn ping_hook(
        &mut self,
        repository: u64,
        hook: u64,
    ) -> Result<(), SimError> {
        let place = HookPlace::Repository(repository);
        let path = self.state.path_of(&place)?;
        let shape = self.state.hook(&place, hook)?.json(&self.state.instance, &path);
        let payload = json!({
            "zen": "What arrives twice has happened once.", "hook_id": hook, "hook": shape,
        });
        self.tell(repository, "ping", "", payload)?;
        // A ping has no action, and it is for this hook alone.
        if let Some(Event { payload, .. }) = self.events.last_mut()
            && let Some(payload) = payload.as_object_mut()
        {
            payload.remove("action");
        }
        Ok(())
    }
}
