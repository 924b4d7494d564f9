"""Facts about data sets of image files, which the user unpacks below the data root."""

from harness.data.sets.class_names import CIFAR10, CIFAR100, TEXTURES
from harness.types import DatasetSpec


def _numbers(c: int) -> tuple[str, ...]:
    """Return class names for data sets whose own names are in their files: the index."""
    return tuple(map(str, range(c)))


CLOTHING = (
    "T-shirt",
    "Shirt",
    "Knitwear",
    "Chiffon",
    "Sweater",
    "Hoodie",
    "Windbreaker",
    "Jacket",
    "Down coat",
    "Suit",
    "Shawl",
    "Dress",
    "Vest",
    "Underwear",
)
ANIMALS = (
    "cat",
    "lynx",
    "wolf",
    "coyote",
    "cheetah",
    "jaguar",
    "chimpanzee",
    "orangutan",
    "hamster",
    "guinea pig",
)
_IMAGENET = "ImageNet terms: non-commercial research"

FILE_FACTS: dict[str, DatasetSpec] = {
    "imagenet_lt": DatasetSpec(
        name="imagenet_lt",
        title="ImageNet-LT",
        modality="files",
        class_names=_numbers(1000),
        image_shape=None,
        source="https://liuziwei7.github.io/projects/LongTail.html",
        licence=_IMAGENET,
        citation="Liu et al. 2019, Large-Scale Long-Tailed Recognition in an Open World",
        caveat="Lists in ImageNet_LT/, images in imagenet/train and imagenet/val. Never seen whole "
        "by us; tested on a made copy of its layout.",
    ),
    "places_lt": DatasetSpec(
        name="places_lt",
        title="Places-LT",
        modality="files",
        class_names=_numbers(365),
        image_shape=None,
        source="https://liuziwei7.github.io/projects/LongTail.html",
        licence="CC BY (Places365)",
        citation="Liu et al. 2019, Large-Scale Long-Tailed Recognition in an Open World",
        caveat="Lists in Places_LT/, images in places365/. Lists seen whole, images never.",
    ),
    "inat18": DatasetSpec(
        name="inat18",
        title="iNaturalist 2018",
        modality="files",
        class_names=_numbers(8142),
        image_shape=None,
        source="https://github.com/visipedia/inat_comp/tree/master/2018",
        licence="non-commercial research",
        citation="Van Horn et al. 2018, The iNaturalist Species Classification Dataset",
        caveat="Annotations and images in inat18/. The published validation part is the test "
        "pool. Never seen whole by us.",
    ),
    "imagenet200": DatasetSpec(
        name="imagenet200",
        title="ImageNet-200 (OpenOOD v1.5)",
        modality="files",
        class_names=_numbers(200),
        image_shape=None,
        source="https://github.com/Jingkang50/OpenOOD",
        licence=_IMAGENET,
        citation="Zhang et al. 2023, OpenOOD v1.5",
        caveat="OpenOOD's lists in benchmark_imglist/, images in images_largescale/. Never seen "
        "whole by us.",
    ),
    "openood_imagenet": DatasetSpec(
        name="openood_imagenet",
        title="ImageNet-1K as OpenOOD v1.5 has it",
        modality="files",
        class_names=_numbers(1000),
        image_shape=None,
        source="https://github.com/Jingkang50/OpenOOD",
        licence=_IMAGENET,
        citation="Zhang et al. 2023, OpenOOD v1.5",
        caveat="OpenOOD's lists in benchmark_imglist/, images in images_largescale/; every "
        "training file is hashed once. Never seen whole by us.",
    ),
    "openood_cifar10": DatasetSpec(
        name="openood_cifar10",
        title="CIFAR-10 as OpenOOD v1.5 has it",
        modality="files",
        class_names=CIFAR10,
        image_shape=(32, 32, 3),
        source="https://github.com/Jingkang50/OpenOOD",
        licence="none stated",
        citation="Zhang et al. 2023, OpenOOD v1.5",
        caveat="9,000 of the 10,000 test images: OpenOOD keeps 1,000 for validation. Lists seen "
        "whole, images never.",
    ),
    "openood_cifar100": DatasetSpec(
        name="openood_cifar100",
        title="CIFAR-100 as OpenOOD v1.5 has it",
        modality="files",
        class_names=CIFAR100,
        image_shape=(32, 32, 3),
        source="https://github.com/Jingkang50/OpenOOD",
        licence="none stated",
        citation="Zhang et al. 2023, OpenOOD v1.5",
        caveat="9,000 of the 10,000 test images: OpenOOD keeps 1,000 for validation. Lists seen "
        "whole, images never.",
    ),
    "clothing1m": DatasetSpec(
        name="clothing1m",
        title="Clothing1M",
        modality="files",
        class_names=CLOTHING,
        image_shape=None,
        source="https://github.com/Cysu/noisy_label",
        licence="on request, non-commercial",
        citation="Xiao et al. 2015, Learning From Massive Noisy Labeled Data",
        caveat="Training labels are the shops' own, about 38 % wrong, and which is not known. "
        "Images never seen by us.",
    ),
    "animal10n": DatasetSpec(
        name="animal10n",
        title="ANIMAL-10N",
        modality="files",
        class_names=ANIMALS,
        image_shape=(64, 64, 3),
        source="https://dm.kaist.ac.kr/datasets/animal-10n/",
        licence="on request",
        citation="Song et al. 2019, SELFIE",
        caveat="About 8 % of the training labels are wrong, and which is not known. Never seen "
        "by us.",
    ),
    "food101n": DatasetSpec(
        name="food101n",
        title="Food-101N, tested on Food-101",
        modality="files",
        class_names=_numbers(101),
        image_shape=None,
        source="https://kuanghuei.github.io/Food-101N/",
        licence="none stated",
        citation="Lee et al. 2018, CleanNet",
        caveat="About 20 % of the training labels are wrong, and which is not known. Never seen "
        "by us.",
    ),
    "webvision_mini": DatasetSpec(
        name="webvision_mini",
        title="WebVision 1.0, first 50 classes, Google images",
        modality="files",
        class_names=_numbers(50),
        image_shape=None,
        source="https://data.vision.ee.ethz.ch/cvl/webvision/dataset2017.html",
        licence="non-commercial research",
        citation="Li et al. 2017, WebVision Database",
        caveat="Labels are search words, about 20 % wrong, and which is not known. Never seen by "
        "us.",
    ),
    "tiny_imagenet": DatasetSpec(
        name="tiny_imagenet",
        title="Tiny-ImageNet",
        modality="files",
        class_names=_numbers(200),
        image_shape=(64, 64, 3),
        source="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
        licence=_IMAGENET,
        citation="Le and Yang 2015, Tiny ImageNet Visual Recognition Challenge",
        caveat="The published validation part is the test pool; classes in the order of their "
        "WordNet ids. 2,000 of its 10,000 test images seen by us.",
    ),
    "textures": DatasetSpec(
        name="textures",
        title="Describable Textures (DTD), partition 1",
        modality="files",
        class_names=TEXTURES,
        image_shape=None,
        source="https://www.robots.ox.ac.uk/~vgg/data/dtd/",
        licence="for research purposes",
        citation="Cimpoi et al. 2014, Describing Textures in the Wild",
        caveat="As torchvision lays it out in dtd/dtd; the validation part is in no pool. Never "
        "seen whole by us; tested on a made copy of its layout.",
    ),
}
"""Every data set of image files by its name in split ids."""
