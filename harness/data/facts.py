"""Facts about data sets, as their publishers state them: listing them needs no data."""

from harness.data.class_names import CIFAR10, CIFAR10_SIMILAR, CIFAR100, CIFAR100_SIMILAR
from harness.types import DatasetSpec

_DIGITS = tuple("0123456789")

DATASETS: dict[str, DatasetSpec] = {
    "digits": DatasetSpec(
        name="digits",
        title="Optical recognition of handwritten digits (scikit-learn)",
        modality="image",
        class_names=_DIGITS,
        image_shape=(8, 8, 1),
        source="embedded in scikit-learn",
        licence="CC BY 4.0 (UCI)",
        citation="Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI",
        contents={"all": "6d70c8a6de14ab3d361d8593a879745472e17f5ea3758e762cc53c451a2f65d9"},
        embedded=True,
        caveat="1,797 images of 8×8 pixels, 0 … 16 stretched to 0 … 255; there is no official "
        "test part.",
    ),
    "mnist": DatasetSpec(
        name="mnist",
        title="MNIST",
        modality="image",
        class_names=_DIGITS,
        image_shape=(28, 28, 1),
        source="https://ossci-datasets.s3.amazonaws.com/mnist/",
        licence="none stated",
        citation="LeCun et al. 1998, Gradient-based learning applied to document recognition",
        checksums={
            "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
        },
        contents={
            "train": "fb4731c60077913096a2277e667632202d5666065aac0e0d8928b25ee8f5e1e9",
            "test": "2d30c51ccaa0008f94006f75bc18b53de547843643abfb5403eed5452ee4a542",
        },
        caveat="Nearly solved: differences between methods are a handful of images.",
    ),
    "fashion_mnist": DatasetSpec(
        name="fashion_mnist",
        title="Fashion-MNIST",
        modality="image",
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        image_shape=(28, 28, 1),
        source="https://github.com/zalandoresearch/fashion-mnist",
        licence="MIT",
        citation="Xiao et al. 2017, Fashion-MNIST, arXiv 1708.07747",
        checksums={
            "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
        },
        contents={
            "train": "78c5e6b4d13139da61b1c47c67a85619bf5f67a8a611edac1d9443175d14536d",
            "test": "fec542d50b1a54ed04ed5af8cc470bfe3d8e802f5ebecac7befb843c8d3b528c",
        },
    ),
    "cifar10": DatasetSpec(
        name="cifar10",
        title="CIFAR-10",
        modality="image",
        class_names=CIFAR10,
        image_shape=(32, 32, 3),
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        licence="none stated",
        citation="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        checksums={
            "data_batch_1": "md5:c99cafc152244af753f735de768cd75f",
            "data_batch_2": "md5:d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "md5:54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "md5:634d18415352ddfa80567beed471001a",
            "data_batch_5": "md5:482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "md5:40351d587109b95175f43aff81a1287e",
        },
        contents={
            "train": "24bfd52c613728a98128c5f900306773e94af68e3da16f604acb05651f22542b",
            "test": "efa0e44c5def89c8dc786f0b447d9ba72428f27974433ac6ee9cbc517a7415ec",
        },
        asymmetric_map=CIFAR10_SIMILAR,
        caveat="Training and test share near-duplicates; a few test labels are wrong.",
    ),
    "cifar100": DatasetSpec(
        name="cifar100",
        title="CIFAR-100, fine labels",
        modality="image",
        class_names=CIFAR100,
        image_shape=(32, 32, 3),
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        licence="none stated",
        citation="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        checksums={
            "train": "md5:16019d7e3df5f24257cddd939b257f8d",
            "test": "md5:f0ef6b0ae62326f3e7ffdfab6717acfc",
        },
        asymmetric_map=CIFAR100_SIMILAR,
        caveat="Training and test share near-duplicates; a few hundred test labels are wrong. "
        "Only the official python files are read: other editions have another order.",
    ),
}
"""Every data set by its name in split ids."""
