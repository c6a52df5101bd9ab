// swift-tools-version:5.7
import PackageDescription

let package = Package(
    name: "LucidLink",
    products: [.library(name: "LucidLink", targets: ["LucidLink"])],
    targets: [
        .systemLibrary(name: "CLucidLink", pkgConfig: "lucidlink"),
        .target(name: "LucidLink", dependencies: ["CLucidLink"]),
        .executableTarget(name: "Proof", dependencies: ["LucidLink"]),
    ]
)
