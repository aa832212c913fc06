//! What is allowed, so many an hour: right passwords, registrations, letters.

use std::hash::BuildHasher;

use super::hourly::Ration;
use super::{Limit, Throttle, Wait, Who};
use crate::client::Client;

impl Throttle {
    /// Spends one of the right passwords that a network and an account have an hour. A network spends it even where the
    /// account's are gone: each has cost a hash. Only strangers are refused where the network's are.
    ///
    /// # Errors
    /// They are spent.
    pub fn sign_in(&self, who: &Who<'_>, account: &str, client: &Client) -> Result<(), Wait> {
        let now = self.clock.unix();
        let mut hours = self.hours();
        let from = hours.spend(&self.sign_ins_from(client), now);
        if let Who::Stranger { .. } = who {
            from?;
        }
        hours.spend(&self.sign_ins_of(account), now)
    }

    /// Spends one of the registrations that a network has an hour.
    ///
    /// # Errors
    /// They are spent.
    pub fn registration(&self, client: &Client) -> Result<(), Wait> {
        self.spend(&self.registrations(client))
    }

    /// Spends one of the new passwords that a network may have judged in an hour: ten for every registration, so that
    /// nobody who looks for a good one runs out.
    ///
    /// # Errors
    /// They are spent.
    pub fn judging(&self, client: &Client) -> Result<(), Wait> {
        let ten_times = |registrations: u32| registrations.saturating_mul(10);
        let most = self.most_registrations().map(ten_times);
        self.spend(&self.rations("judging", Limit::Registrations, most, client))
    }

    /// Gives back a registration of which nothing came, by our own fault.
    pub fn give_registration_back(&self, client: &Client) {
        let rations = self.registrations(client);
        self.hours().give_back(&rations, self.clock.unix());
    }

    /// Spends one of the letters that may be asked for in an hour: to this address, in the form in which addresses are
    /// compared, whether or not anybody has it; and from this network.
    ///
    /// # Errors
    /// They are spent.
    pub fn letter(&self, address: &str, client: &Client) -> Result<(), Wait> {
        // As many from a network as registrations.
        let from = self.rations("letters", Limit::Letters, self.most_registrations(), client);
        self.spend(&[from, self.letters_for("letters to", address)].concat())
    }

    /// Spends one of the registrations that may be made in an hour with this address, in the form in which addresses are
    /// compared: each writes to it. A ration of its own, so that nobody who asks for other letters keeps its owner from
    /// registering; from a network there are as many as [`Self::registration`] says.
    ///
    /// # Errors
    /// They are spent.
    pub fn registration_with(&self, address: &str) -> Result<(), Wait> {
        self.spend(&self.letters_for("registrations with", address))
    }

    /// Spends one of the notices that may go in an hour to an address that nobody confirmed, in the form in which addresses
    /// are compared. Nobody asked for them, so they are none of the letters above.
    ///
    /// # Errors
    /// They are spent.
    pub fn notice(&self, address: &str) -> Result<(), Wait> {
        self.spend(&self.letters_for("notices to", address))
    }

    fn spend(&self, rations: &[Ration]) -> Result<(), Wait> {
        self.hours().spend(rations, self.clock.unix())
    }

    fn letters_for(&self, what: &str, address: &str) -> Vec<Ration> {
        self.ration(
            what,
            address,
            Limit::Letters,
            self.settings.letters_per_address,
        )
    }

    /// The right passwords of an account.
    pub(super) fn sign_ins_of(&self, account: &str) -> Vec<Ration> {
        let most = self.settings.sign_ins_per_account;
        self.ration("sign-ins of", account, Limit::AccountSignIns, most)
    }

    /// The right passwords of an address, and of the network around it.
    pub(super) fn sign_ins_from(&self, client: &Client) -> Vec<Ration> {
        let most = [
            self.settings.sign_ins_per_address,
            self.settings.sign_ins_per_network,
        ];
        self.rations("sign-ins", Limit::NetworkSignIns, most, client)
    }

    fn registrations(&self, client: &Client) -> Vec<Ration> {
        let most = self.most_registrations();
        self.rations("registrations", Limit::Registrations, most, client)
    }

    fn most_registrations(&self) -> [u32; 2] {
        [
            self.settings.registrations_per_address,
            self.settings.registrations_per_network,
        ]
    }

    /// So many an hour for one account or one email address; none where nothing is limited.
    fn ration(&self, of: &str, whose: &str, limit: Limit, most: u32) -> Vec<Ration> {
        let key = self.seed.hash_one((of, whose));
        let ration = Ration { key, limit, most };
        self.settings.on.then_some(ration).into_iter().collect()
    }

    /// So many an hour from an address, and from the network around it.
    fn rations(
        &self,
        of: &str,
        limit: Limit,
        [by_address, around]: [u32; 2],
        client: &Client,
    ) -> Vec<Ration> {
        if !self.settings.on {
            return Vec::new();
        }
        let places = self.places(of, client).into_iter();
        let rations = places.map(|place| {
            let most = if place.around { around } else { by_address };
            Ration {
                key: place.key,
                limit,
                most: most.saturating_mul(place.times),
            }
        });
        rations.collect()
    }
}
