//! What is asked of a client of one bucket, in whatever service that is. A trait object of the client's own trait would keep
//! all in the library that the client can do: copies, uploads in parts, signed URLs, of each service.

use async_trait::async_trait;
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use object_store::path::Path;
use object_store::{
    GetOptions, GetResult, ObjectStore, ObjectStoreExt, PutOptions, PutPayload, PutResult, Result,
};

#[async_trait]
pub(super) trait Client: Send + Sync {
    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult>;
    async fn put_opts(&self, path: &Path, bytes: PutPayload, options: PutOptions) -> Result<PutResult>;
    async fn delete(&self, path: &Path) -> Result<()>;
    async fn list_paginated(
        &self,
        prefix: Option<&str>,
        options: PaginatedListOptions,
    ) -> Result<PaginatedListResult>;
}

#[async_trait]
impl<T: ObjectStore + PaginatedListStore> Client for T {
    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        ObjectStore::get_opts(self, path, options).await
    }

    async fn put_opts(&self, path: &Path, bytes: PutPayload, options: PutOptions) -> Result<PutResult> {
        ObjectStore::put_opts(self, path, bytes, options).await
    }

    async fn delete(&self, path: &Path) -> Result<()> {
        ObjectStoreExt::delete(self, path).await
    }

    async fn list_paginated(
        &self,
        prefix: Option<&str>,
        options: PaginatedListOptions,
    ) -> Result<PaginatedListResult> {
        PaginatedListStore::list_paginated(self, prefix, options).await
    }
}
