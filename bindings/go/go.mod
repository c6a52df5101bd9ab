module github.com/liblucidlink/liblucidlink/bindings/go

go 1.19
