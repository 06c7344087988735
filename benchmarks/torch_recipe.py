"""What a user would write with PyTorch: the compiled network in bfloat16, channels last.

extraction.py starts it in a Python that has torch and torchvision. It reads how many pictures, of
which side and in which batches from its arguments, compiles, and then answers every line of its
input with the seconds that all of them took.
"""

import sys
import time


def main(count, side, batch):
    import torch
    from torchvision.models import resnet50

    network = resnet50(weights=None)
    network.fc = torch.nn.Identity()
    network = network.eval().to(memory_format=torch.channels_last)
    compiled = torch.compile(network)
    pictures = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
    pictures = pictures.to(memory_format=torch.channels_last)

    def features(some):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return [compiled(part.float() / 255).float().numpy() for part in some.split(batch)]

    features(pictures[:batch])
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        features(pictures)
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
