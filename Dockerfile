# stylize on a CPU. Build it and paint a picture of the current folder:
#
#   docker build -t stylecli .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/pictures" stylecli photo.jpg painting.jpg -o out.png

FROM python:3.12-slim AS build
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
# PyTorch's own index has builds without CUDA, a tenth of the size; the wheel then finds them there.
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu \
      "torch>=2.6,<3" "torchvision>=0.21,<1"
COPY --from=build /wheels/ /wheels/
RUN pip install --no-cache-dir /wheels/*.whl && rm -r /wheels
# Any user may run it, root not needed: downloaded weights go where everyone may write.
ENV HOME=/tmp PYTHONUNBUFFERED=1
USER nobody
WORKDIR /pictures
ENTRYPOINT ["stylize"]
CMD ["--help"]
