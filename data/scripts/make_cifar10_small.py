"""Make data/cifar10_small: the first 300 training and 100 test pictures of each class.

Usage: python data/scripts/make_cifar10_small.py cifar10_6000_2000.npz
"""

import sys
from pathlib import Path

import numpy as np
from contact_sheets import write_sheets

if __name__ == "__main__":
    names = np.load(sys.argv[1])["class_names"].tolist()
    write_sheets(sys.argv[1], names, Path(__file__).parents[1] / "cifar10_small")
