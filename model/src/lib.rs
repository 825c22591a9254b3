//! The protocol of pushing, deleting and collecting on one store, explored in every order of its steps.
//!
//! Nothing here runs in a registry. It is a model: small worlds with one layer, one or two repositories, an image or an index, two pushes,
//! two deletions, a pull and a collector, of which a model checker visits every state that any order of their steps leads to. In each
//! the invariants hold; and for each step of the protocol there is a test that shows which of them breaks without it.
//!
//! In reading order: [`store`] (a thing is in its place, in the trash, or gone), [`protocol`] (the steps that can be left out), [`push`] and
//! [`collector`] (who does what, in which order), [`scenario`] and [`worlds`] (the bounds), [`state`] and [`machine`] (one moment and the
//! next), `lookup` and `deletion` (the steps that go from place to place), [`invariants`].
//!
//! # The protocol
//!
//! To *look* for a thing is to look in its place, in the trash, in its place, in the trash, in its place, and to stop where it is; a look moves
//! what it finds in the trash back to its place before it says yes. A pull looks in the same places and moves nothing. To *delete* is to
//! delete in the same places, all of them. On the way each rename and each deletion is atomic, and of two that want the same file one wins.
//!
//! - **HEAD of a blob**: 1. look for its link, 2. look for its data; yes if both are there.
//! - **HEAD or GET of a manifest**, as an answer to rely on: 1. look for its link, 2. for its bytes, 3. for all its parts, an index's children's too.
//! - **Mount**: 1. look for the source's link, 2. look for the data, 3. write the target's link.
//! - **Upload**: 1. rename the data to its place, whatever is there or in the trash, 2. write the link.
//! - **PUT of a manifest**: 1. look for all parts, else refuse. 2. Write the bytes, 3. the link. 4. Look for link, bytes and all parts again, from the
//!   top down, else refuse. 5. If there is a tag and more than a lease has gone by since step 4 began, go to 4. 6. Write the tag. 7. Do as in 4 again,
//!   else refuse. 8. Acknowledge. Without a tag, 8 follows 4. A refusal takes nothing back.
//! - **DELETE of a manifest**: 1. delete the tags that name it, 2. delete its link. **Of a blob**: delete its link.
//! - **A collector's run**, one at a time:
//!   1. Mark. Roots are the tags whose manifest's link is in its place or in the trash; unless untagged manifests are to go, the manifest links in
//!      their places as well. A manifest is read wherever it is.
//!   2. Empty. What is in the trash and named is moved back. What is unnamed and was set aside at least a lease *before this mark began* is unlinked.
//!   3. Set aside what is in its place and unnamed, each thing once; no manifest link, unless untagged manifests are to go.
//!
//!   In 2 and 3 any order will do, also mixed, and the run may break off anywhere.
//!
//! # What it rests on
//!
//! - Processes share nothing but the store, so it does not matter which of two servers takes which step. One that crashes takes no more steps: every
//!   state from which a push does not go on is a state after a crash, and everything is asked of it. A collector that crashes is followed by a new one.
//! - `acknowledged_is_whole` needs no clock: it holds with a lease that is over at once and with servers that stand still for any time. That a push
//!   in time is not refused, and that a tag never names what is gone where untagged manifests go, needs a server that knows how long its own request takes.
//! - No run begins within one lookup. A server makes sure of that by looking again when the trash has got a run meanwhile.
//! - A lease counts from the moment the client began to ask, and ends for all parts of a push with the first.
//! - A client that deletes what another one is pushing may come first or last, so such a push is promised nothing; its tag may name what was deleted.
//! - Left out: referrers (marked like an index's children), a second layer, blobs that are uploads still.
//!
//! # The worlds
//!
//! | world | what it is for | untagged manifests | states |
//! | --- | --- | --- | --- |
//! | [`worlds::shared_layer`] | a deletion and two pushes, all things apart | stay | 1,319,444 |
//! | [`worlds::same_image`] | the same image and tag twice, and its deletion | stay | 2,096,851 |
//! | [`worlds::mount`] | two repositories | stay | 574,463 |
//! | [`worlds::tagged_image`] | a tag, all things apart | go; go in some runs | 149,793; 259,587 |
//! | [`worlds::tagged_twice`] | two pushes of it | go; go in some runs | 753,454; 1,458,238 |
//! | [`worlds::moved_tag`] | a tag moves between two images | stay; go; go in some runs | 70,824; 594,764; 1,417,536 |
//! | [`worlds::index`] | an index, its child, its layer and the layer's link | go; go in some runs | 183,215; 368,063 |
//! | [`worlds::index_twice`] | two pushes of it | stay; go; go in some runs | 2,150; 1,033,879; 2,436,044 |
//! | [`worlds::deleted_index`] | index and child are deleted | stay | 236,163 |
//! | [`worlds::pulled`], [`worlds::looked_for`] | lookups, place by place | stay | 10,003; 258,346 |
//! | [`worlds::deleted_layer`] | deletions, place by place | stay | 121,647 |
//! | [`worlds::deleted_manifest`] | deletions, place by place | stay; go; go in some runs | 12,083; 54,513; 92,819 |

pub mod collector;
mod deletion;
pub mod invariants;
mod lookup;
pub mod machine;
pub mod protocol;
pub mod push;
pub mod scenario;
pub mod state;
pub mod store;
pub mod worlds;
